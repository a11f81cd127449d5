"""Trained models in use: cells in, structures out."""

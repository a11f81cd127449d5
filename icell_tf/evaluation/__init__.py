"""Figures, metrics and reports of trained models."""

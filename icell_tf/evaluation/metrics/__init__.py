"""Figures of merit, and scores with their intervals."""

"""Prepared cells as batches, and folds of them."""

"""Data sets of single cells: how they are built, read, divided into folds, and made batches of."""

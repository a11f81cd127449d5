"""The TFDS data set `integrated_cell`."""

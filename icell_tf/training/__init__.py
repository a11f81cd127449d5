"""Training a run: the loop, its files, devices and precision."""

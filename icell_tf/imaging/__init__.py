"""From stacks to pictures: read a stack, preprocess a cell, simulate cells. Needs NumPy and SciPy, not TensorFlow."""

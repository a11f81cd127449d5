"""From stacks to pictures: read, preprocess and simulate cells. Needs NumPy, SciPy and Pillow, not TensorFlow."""

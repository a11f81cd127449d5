"""From stacks to pictures, without TensorFlow: needs NumPy, SciPy, Pillow, tifffile and scikit-image."""

"""One cell in its frame: intensities, pose, and the warp that brings a stack into the frame."""

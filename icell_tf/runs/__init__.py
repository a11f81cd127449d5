"""Reading a run: settings, weights, curves."""

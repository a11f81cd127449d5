"""Pure drawing: arrays -> RGB arrays. Imports nothing else of the package."""

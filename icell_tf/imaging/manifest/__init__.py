"""Lists of cells: manifests, public collections, and their division into splits."""

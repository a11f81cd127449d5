"""Public collections of cells: each module's `list_cells` finds the cells in a downloaded folder."""

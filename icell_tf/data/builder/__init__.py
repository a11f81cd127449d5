"""Builds of the data set `integrated_cell`: its cells are listed, examined, divided into splits and reported on."""

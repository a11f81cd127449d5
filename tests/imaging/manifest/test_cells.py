"""Cells that can't be used, in a message."""

from icell_tf.imaging.manifest.cells import BadCell, grouped


def test_cells_with_the_same_reason_are_one_line():
    bad = [BadCell(f"c{i}", f"{i}.tif", "the cell mask is empty") for i in range(8)]
    assert grouped([bad[0], BadCell("d", "d.tif", "no pixel size"), *bad[1:]]) == [
        "8 cells (CellId c0, c1, c2, c3, c4 and 3 more), such as 0.tif: the cell mask is empty",
        "CellId d, d.tif: no pixel size",
    ]
    assert grouped([]) == []

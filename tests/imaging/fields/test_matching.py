"""Fields of view: nuclei matched to cells, every label accounted for, and cells cut out as if they had been alone."""

import math

import numpy as np
import pytest

from icell_tf.imaging.fields import matching
from icell_tf.imaging.fields.matching import FieldCell, Limits, cut_cell, divide_field
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import label_image
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.simulate.fields import simulate_field

SCALE = (1.0, 1.0, 1.0)


def draw(shape, boxes):
    """Labels (1, Y, X): {label: [(top, bottom, left, right), ...]}."""
    labels = np.zeros((1, *shape), np.int32)
    for label, parts in boxes.items():
        for top, bottom, left, right in parts:
            labels[0, top:bottom, left:right] = label
    return labels


def reasons(set_aside):
    return {(s.kind, s.label): s.reason for s in set_aside}


def test_simulated_cells_are_all_kept_with_their_nuclei(simulated):
    kept, set_aside = divide_field(simulated.cells, simulated.nuclei, simulated.scale)
    assert [(cell.label, cell.nucleus) for cell in kept] == [(i + 1, 100 - i) for i in range(4)]
    assert not set_aside
    for cell in kept:
        rows, columns = np.nonzero((simulated.cells == cell.label).any(axis=0))
        assert cell.window == (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))


def test_every_reason_and_every_label():
    cells = {
        7: [(5, 25, 5, 25)],  # kept
        8: [(0, 20, 30, 50)],  # at the border
        9: [(5, 8, 55, 58)],  # debris
        10: [(5, 25, 65, 75), (5, 25, 80, 90)],  # two pieces
        11: [(5, 25, 95, 115)],  # no nucleus
        12: [(30, 50, 5, 25)],  # two nuclei
        13: [(30, 50, 30, 110)],  # large
    }
    nuclei = {
        1: [(10, 20, 10, 20)],
        2: [(5, 15, 35, 45)],
        3: [(10, 20, 66, 74)],
        4: [(32, 40, 6, 14)],
        5: [(40, 48, 15, 23)],
        6: [(35, 45, 35, 45)],
        7: [(52, 58, 60, 70)],  # outside every cell
        8: [(44, 45, 7, 8)],  # a speck within cell 12
    }
    cells, nuclei = draw((60, 120), cells), draw((60, 120), nuclei)
    kept, set_aside = divide_field(cells, nuclei, SCALE, Limits(max_extent=100))
    assert [(cell.label, cell.nucleus) for cell in kept] == [(7, 1)]
    of_cells = [matching.BORDER, matching.SMALL, matching.PIECES, matching.NO_NUCLEUS, matching.NUCLEI, matching.LARGE]
    expected = {("cell", label): reason for label, reason in enumerate(of_cells, 8)}
    expected |= {("nucleus", 7): matching.OUTSIDE, ("nucleus", 8): matching.SMALL}
    assert reasons(set_aside) == expected
    assert set(reasons(set_aside).values()) == set(matching.REASONS)
    of_cells = [n for s in set_aside for n in s.nuclei] + [cell.nucleus for cell in kept]
    of_themselves = [s.label for s in set_aside if s.kind == "nucleus"]
    assert sorted(of_cells + of_themselves) == list(range(1, 9))
    assert next(s for s in set_aside if s.label == 12).nuclei == (4, 5)


@pytest.mark.parametrize("border, label", [("top", 1), ("bottom", 2), ("left", 3), ("right", 4)])
def test_every_border_counts(border, label):
    boxes = {1: [(0, 10, 20, 30)], 2: [(40, 50, 20, 30)], 3: [(20, 30, 0, 10)], 4: [(20, 30, 40, 50)]}
    cells = draw((50, 50), {label: boxes[label]})
    kept, set_aside = divide_field(cells, cells, SCALE)
    assert not kept and reasons(set_aside) == {("cell", label): matching.BORDER}


def test_a_nucleus_belongs_to_the_cell_that_holds_most_of_it():
    cells = draw((40, 60), {1: [(5, 25, 5, 25)], 2: [(5, 25, 25, 45)]})
    nuclei = draw((40, 60), {5: [(8, 18, 8, 20)], 6: [(8, 18, 22, 42)]})  # 6: three of its 20 columns in cell 1
    kept, _ = divide_field(cells, nuclei, SCALE)
    assert [(cell.label, cell.nucleus) for cell in kept] == [(1, 5), (2, 6)]

    nuclei = draw((40, 60), {5: [(8, 18, 8, 20)], 6: [(20, 35, 26, 44)]})  # 5 of 15 rows in cell 2
    kept, set_aside = divide_field(cells, nuclei, SCALE)
    assert [cell.label for cell in kept] == [1]
    assert reasons(set_aside) == {("cell", 2): matching.NO_NUCLEUS, ("nucleus", 6): matching.OUTSIDE}
    assert next(s for s in set_aside if s.kind == "nucleus").detail == "33% of it in cell 2"


def test_limits_are_in_micrometres():
    cells = draw((40, 60), {1: [(5, 35, 5, 55)]})
    nuclei = draw((40, 60), {1: [(15, 25, 25, 35)]})
    reach = math.hypot(15 * 0.5, 25 * 0.2)  # from the nucleus's centre to the far corner, less half a pixel
    for max_extent, usable in ((2 * reach, True), (2 * reach - 1, False)):
        kept, _ = divide_field(cells, nuclei, (math.nan, 0.5, 0.2), Limits(1, max_extent))
        assert bool(kept) == usable
    with pytest.raises(ValueError, match="min_diameter is 9"):
        Limits(9, 8)


def test_what_is_not_too_large_fits_the_frame():
    field, frame = simulate_field(range(12), [y % 10 for y in range(12)], 1.2, columns=4), Frame((32, 32), (0.7, 0.7))
    kept, set_aside = divide_field(field.cells, field.nuclei, field.scale, Limits(max_extent=min(frame.extent)))
    assert kept and {s.reason for s in set_aside} == {matching.LARGE}
    for cell in kept:
        cut = cut_cell(field.channels, field.cells, field.nuclei, cell, field.scale)
        preprocess(cut.channels, cut.cell_mask, cut.nucleus_mask, cut.scale, frame)  # raises where it doesn't fit


def test_a_plane_of_labels_holds_for_a_stack(simulated):
    flat_cells, flat_nuclei = (labels.max(axis=0, keepdims=True) for labels in (simulated.cells, simulated.nuclei))
    expected = [(i + 1, 100 - i) for i in range(4)]
    for cells, nuclei in ((flat_cells, flat_nuclei), (flat_cells, simulated.nuclei), (simulated.cells, flat_nuclei)):
        kept, set_aside = divide_field(cells, nuclei, simulated.scale)
        assert [(cell.label, cell.nucleus) for cell in kept] == expected and not set_aside
        cut = cut_cell(simulated.channels, cells, nuclei, kept[0], simulated.scale)
        assert cut.cell_mask.shape == cut.nucleus_mask.shape
        assert len(cut.cell_mask) == max(len(cells), len(nuclei))


def test_a_cell_cut_in_z_is_kept_and_marked(simulated):
    kept, _ = divide_field(simulated.cells[4:], simulated.nuclei[4:], simulated.scale)
    assert len(kept) == 4 and all(cell.cut_in_z for cell in kept)
    kept, _ = divide_field(simulated.cells, simulated.nuclei, simulated.scale)
    assert not any(cell.cut_in_z for cell in kept)


@pytest.mark.parametrize("flat", [False, True], ids=["3D labels", "2D labels"])
def test_a_cell_from_a_field_is_prepared_as_if_alone(simulated, flat):
    frame = Frame((64, 64), (0.6, 0.6))
    cells, nuclei = simulated.cells, simulated.nuclei
    if flat:
        cells, nuclei = cells.max(axis=0, keepdims=True), nuclei.max(axis=0, keepdims=True)
    for cell, alone in zip(divide_field(cells, nuclei, simulated.scale)[0], simulated.alone, strict=True):
        cut = cut_cell(simulated.channels, cells, nuclei, cell, simulated.scale, margin=3)
        found = preprocess(cut.channels, cut.cell_mask, cut.nucleus_mask, cut.scale, frame).image
        masks = (m.any(axis=0) if flat else m for m in (alone.cell_mask, alone.nucleus_mask))
        expected = preprocess(alone.channels, *masks, alone.scale, frame).image
        for channel in range(3):
            assert np.corrcoef(found[..., channel].ravel(), expected[..., channel].ravel())[0, 1] > 0.98


def test_stray_pieces_and_the_nucleus_beyond_the_cell_are_left_out():
    cells = draw((40, 60), {1: [(5, 25, 5, 25), (30, 33, 40, 43)]})
    nuclei = draw((40, 60), {4: [(10, 20, 15, 28)]})
    (cell,), set_aside = divide_field(cells, nuclei, SCALE)
    assert not set_aside
    cut = cut_cell([np.zeros((3, 40, 60))], cells, nuclei, cell, SCALE, margin=2)
    assert cut.cell_mask.sum() == 20 * 20
    assert cut.nucleus_mask.sum() == 10 * 10


def test_the_margin_ends_at_the_fields_edge():
    cells = draw((40, 60), {1: [(1, 21, 20, 40)]})
    cut = cut_cell([np.zeros((3, 40, 60))], cells, cells, FieldCell(1, 1, (slice(1, 21), slice(20, 40))), SCALE, 4.5)
    assert cut.channels[0].shape == (3, 21 + 5, 20 + 2 * 5)
    assert cut.cell_mask[0, 1:21, 5:25].all() and cut.cell_mask.sum() == 400


def test_labels_of_any_size_are_matched():
    cells = draw((20, 30), {1: [(2, 8, 2, 8)], 2: [(10, 16, 10, 16)]}).astype(np.uint32)
    large = np.where(cells == 2, np.uint32(4_000_000_000), cells)
    labels, _ = label_image(large, "cell")
    kept, _ = divide_field(labels, cells.astype(np.int32), SCALE)
    assert [(cell.label, cell.nucleus) for cell in kept] == [(1, 1), (4_000_000_000, 2)]

"""Figures of cells: each panel is the cell it should be, rows and columns are as many as there should be."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.inference import latent_space
from icell_tf.paper import cell_figures, latent_figures
from icell_tf.paper.choice import choose
from icell_tf.viz import figures
from tests import made_up
from tests.made_up import OBLONG, VOLUMES
from tests.short_evaluation import some_of

DISPLAYED = "α-actinin α-tubulin β-actin desmoplakin fibrillarin lamin B1 myosin IIB Sec61β TOM20 ZO1"


def is_cropped_from(panel, image, colors=figures.CHANNEL_COLORS):
    """Whether a panel shows a part of an image (H, W, C), at any place, scaled on its own."""
    height, width, _ = panel.shape
    places = itertools.product(range(image.shape[0] - height + 1), range(image.shape[1] - width + 1))
    crops = (image[i : i + height, j : j + width] for i, j in places)
    return any(np.array_equal(figures.overlay(crop, colors, "percentile"), panel) for crop in crops)


def test_cells_are_chosen_without_replacement_and_by_the_seed():
    y = np.array([0, 1, 0, 0, 1, 0])
    chosen = choose(y, 0, 3, np.random.default_rng(0))
    assert len(set(chosen)) == 3 and (y[chosen] == 0).all()
    assert choose(y, 1, 6, np.random.default_rng(0)).tolist() == [1, 4]
    assert choose(y, 2, 6, np.random.default_rng(0)).size == 0


def test_figure_2_has_a_row_a_structure_with_six_cells_or_fewer(subject, cells, montages):
    train = cells["train"]
    train = some_of(train, (train.y != 3) | (np.cumsum(train.y == 3) <= 2))  # two of the fourth structure
    exhibits = cell_figures.observed_cells(subject, {"train": train}, seed=1)
    counts = [min(6, (train.y == k).sum()) for k in range(10)]
    assert [exhibit.paper for exhibit in exhibits] == ["Figure 2", "Figure S6 (a)"]
    assert all(f"n = {sum(counts)} cells of train; seed 1; data set" in exhibit.caption for exhibit in exhibits)
    for rows, _, labels, pixel_size in montages:
        assert " ".join(labels) == DISPLAYED and pixel_size == 1.2
        assert [len(row) for row in rows] == [6] * 10
        assert [sum(panel is not None for panel in row) for row in rows] == counts
    for panel in montages[0][0][3][:2]:
        assert any(is_cropped_from(panel, image) for image in train.planes(np.flatnonzero(train.y == 3)))
    grey = montages[1][0][0][0]
    assert (grey[..., 0] == grey[..., 2]).all()


def test_figure_3_has_five_cells_and_an_observed_one_in_each_row(subject, cells, montages):
    held_out = some_of(cells["test"], slice(None, 9))
    given = {"train": cells["train"], "test": dataclasses.replace(held_out, y=np.arange(9) % 8)}
    shown, alone = cell_figures.predicted_cells(subject, given, seed=0)
    assert (shown.paper, alone.paper) == ("Figure 3", "Figure S6 (b)")
    assert "(a train cell in row 9, a train cell in row 10)" in shown.caption
    assert "n = 5 cells of test and 10 observed ones" in shown.caption
    rows, columns, labels, _ = montages[0]
    assert columns == ["cell 1", "cell 2", "cell 3", "cell 4", "cell 5", "observed"]
    assert " ".join(labels) == DISPLAYED and [len(row) for row in rows] == [6] * 10
    # The structure alone is what Algorithm 3 predicts, in the same place as the cell's membrane and nucleus.
    predicted = subject.integrator.integrate(held_out.x(slice(None))[..., :2])["structures"]
    for panel in montages[1][0][4][:5]:
        assert any(is_cropped_from(panel, structures[..., 4:5], (figures.WHITE,)) for structures in predicted)
    assert "none in row 10" in cell_figures.predicted_cells(subject, {"test": given["test"]}, seed=0)[0].caption


def test_figures_s1_and_s2_have_cells_over_their_reconstructions(subject, cells, montages):
    held_out = some_of(cells["test"], np.unique(cells["test"].y, return_index=True)[1])  # one of each
    s1, s2 = cell_figures.reconstructed_cells(subject, cells | {"test": held_out}, seed=0)
    assert (s1.paper, s2.paper) == ("Figure S1", "Figure S2")
    for rows, columns, labels, _ in montages:
        assert len(columns) == 10 and labels == ["training", "decoded", "held out", "decoded"]
        assert [sum(panel is not None for panel in row) for row in rows] == [10] * 4
    x_rs_hat = subject.integrator.reconstruct(held_out.x(slice(None)))["x_rs_hat"]
    x_r_hat = latent_space.decode_reference(subject.networks["dec_r"], held_out.z_r)
    for (rows, *_), decoded in zip(montages, (x_r_hat, x_rs_hat), strict=True):
        channels = decoded.shape[-1]
        for i in (0, 4, 9):
            assert is_cropped_from(rows[2][i], held_out.planes([i])[0, ..., :channels])
            assert is_cropped_from(rows[3][i], decoded[i])


def test_fewer_structures_have_more_cells_each():
    subject = SimpleNamespace(integrator=SimpleNamespace(structures=("a", "b", "c")))
    assert cell_figures._columns(subject) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "spec, about", [(OBLONG, "Images are cropped to"), (VOLUMES, "Images show the maximum along z")]
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_volumes_and_frames_with_unequal_sides_are_drawn_as_planes(spec, about, mirrored, montages):
    subject = made_up.subject(spec, {"train": 12, "test": 9}, mirrored)
    cells = {split: code_cells(subject.integrator, subject.prepared, split) for split in ("train", "test")}
    drawn = [cell_figures.observed_cells, cell_figures.predicted_cells, cell_figures.reconstructed_cells]
    exhibits = [exhibit for draw in drawn for exhibit in draw(subject, cells, seed=0)]
    assert all(about in exhibit.caption and "µm" in exhibit.caption for exhibit in exhibits)
    exhibits += latent_figures.reference_codes(subject, cells, 0) + latent_figures.structure_codes(subject, cells, 0)
    assert all(exhibit.picture.std() > 5 for exhibit in exhibits)
    assert {pixel_size for _, _, _, pixel_size in montages} == {spec.plane_pixel_size[1]}
    shapes = [panel.shape for rows, *_ in montages for row in rows for panel in row if panel is not None]
    assert all(np.less_equal(shape[:2], spec.plane_shape).all() for shape in shapes)
    seen = cells["train"].planes(range(12))
    assert any(is_cropped_from(montages[0][0][0][0], image) for image in seen)

"""Figures S4 and S5: what the grids show is what the decoders make of their codes."""

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes

from icell_tf.inference import latent_space
from icell_tf.paper import latent_figures
from icell_tf.viz import figures

ZERO = np.zeros(4)


def test_the_grid_of_s4_has_the_decoded_zero_in_its_centre(subject, cells, montages):
    scatter, grid = latent_figures.reference_codes(subject, cells, seed=0)
    assert (scatter.paper, grid.paper) == ("Figure S4 (a)", "Figure S4 (b)")
    rows, columns, labels, _ = montages[0]
    assert columns == ["-3 σ", "-1.5 σ", "0 σ", "1.5 σ", "3 σ"] and labels == columns[::-1]
    assert [len(row) for row in rows] == [5] * 5
    dec_r = subject.networks["dec_r"]
    assert_shows(rows[2][2], latent_space.decode_reference(dec_r, ZERO)[0])
    assert_shows(rows[0][4], latent_space.decode_reference(dec_r, [3, 3, 0, 0])[0])
    assert_shows(rows[3][0], latent_space.decode_reference(dec_r, [-3, -1.5, 0, 0])[0])
    assert "Dec_r draws" in grid.caption and "n = 25 codes; seed 0; data set" in grid.caption


def test_without_phase_1s_decoder_s4_shows_the_other_ones_membrane_and_nucleus(subject, cells, montages):
    _, grid = latent_figures.reference_codes(dataclasses.replace(subject, reference_trained=False), cells, seed=0)
    image = subject.integrator.decode(np.eye(10)[0], [0, 3, 0, 0], ZERO)["x_rs_hat"][0]
    assert_shows(montages[0][0][0][2], image[..., :2])
    assert f"y = {subject.integrator.structures[0]}, z_s = 0" in grid.caption


def test_s5_shows_the_structure_asked_for_or_the_first(subject, cells, montages):
    _, grid = latent_figures.structure_codes(subject, cells, seed=0)
    assert_shows(montages[0][0][1][4], subject.integrator.decode(np.eye(10)[8], ZERO, [3, 1.5, 0, 0])["x_rs_hat"][0])
    assert grid.caption.startswith("(b) TOM20 in a cell of z_r = 0")
    _, grid = latent_figures.structure_codes(subject, cells, seed=0, structure="lysosome")
    assert_shows(montages[1][0][2][2], subject.integrator.decode(np.eye(10)[0], ZERO, ZERO)["x_rs_hat"][0])
    assert "α-actinin (the data set has no lysosome; this is its first structure)" in grid.caption


@pytest.mark.parametrize("figure, code, groups", [("reference_codes", "z_r", 2), ("structure_codes", "z_s", 10)])
def test_scatters_have_every_cell_once(subject, cells, monkeypatch, figure, code, groups):
    drawn = []
    scatter = Axes.scatter
    monkeypatch.setattr(Axes, "scatter", lambda ax, x, y, **marks: drawn.append((x, y)) or scatter(ax, x, y, **marks))
    exhibit, _ = getattr(latent_figures, figure)(subject, cells, seed=0)
    points = np.concatenate([np.transpose(pair) for pair in drawn if len(pair[0])])
    expected = np.concatenate([getattr(cells[split], code)[:, :2] for split in ("train", "test")])
    assert sorted(map(tuple, points)) == sorted(map(tuple, expected))
    assert sum(not len(x) for x, _ in drawn) == groups  # the legend's entries
    assert f"n = {len(cells['train'])} cells of train and {len(cells['test'])} cells of test" in exhibit.caption


def assert_shows(panel, image):
    """Whether a panel shows a square of an image, at any place, to a grey value."""
    side = panel.shape[0]
    offsets = range(image.shape[0] - side + 1)
    crops = (image[i : i + side, j : j + side] for i in offsets for j in offsets)
    differences = (np.abs(figures.overlay(crop, contrast="percentile") - panel.astype(int)).max() for crop in crops)
    assert min(differences) <= 1

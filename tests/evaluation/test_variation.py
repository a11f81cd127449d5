"""What z_s holds, with codes and decoders of which that is known."""

import dataclasses

import numpy as np
import pytest

from icell_tf.evaluation import variation
from icell_tf.spec import CellSpec
from tests.short_evaluation import by_name, coded_cells

NAMES, SIZE, DIMS = ("tom20", "zo1"), 16, 4
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)
RAMP = np.linspace(-1, 1, SIZE)[:, None] * np.ones(SIZE)


def structure(z_s):
    """A ramp that z_s' first dimension turns, (N, H, W) in [0, 1]."""
    return 0.5 + 0.15 * np.tanh(z_s[:, :1, None]) * RAMP + 0.2 * RAMP.T


class Decoder:
    structures = NAMES

    def __init__(self, reads_z_s=True):
        self.reads_z_s = reads_z_s

    def decode(self, probabilities, z_r, z_s):
        x_hat = np.zeros((len(z_s), SIZE, SIZE, 3), np.float32)
        x_hat[..., 2] = structure(z_s if self.reads_z_s else 0 * z_s)
        return {"x_rs_hat": x_hat}


def cells(seed, count=300, z_s_of=lambda z_s, z_r, y: z_s, y=None):
    """Cells whose structure shows a hidden code; `z_s_of` makes z_s of that, of z_r and of y."""
    rng = np.random.default_rng(seed)
    hidden, z_r = rng.normal(size=(2, count, DIMS)).astype(np.float32)
    y = np.arange(count) % 2 if y is None else y
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    images[..., 2] = np.rint(255 * structure(hidden))
    coded = coded_cells(images, y, z_r, SPEC)
    return dataclasses.replace(coded, z_s=z_s_of(hidden, z_r, y).astype(np.float32))


def scores(decoder=None, **fields):
    measured = variation.measure(decoder or Decoder(), cells(0, **fields), cells(1, **fields))
    return by_name(variation.scores(measured, NAMES))


def test_a_code_of_what_varies_explains_all_and_gives_nothing_away():
    found = scores()
    for name in ("z_s_explained", "tom20_z_s_explained", "zo1_z_s_explained"):
        assert found[name].value == pytest.approx(1, abs=0.01) and found[name].interval[0] > 0.98
    assert found["z_s_r_encoded"].value > 0.999 > found["z_s_r_swapped"].value + 0.05
    assert not found["z_s_r_encoded"].ahead
    assert found["z_s_structure_read"].value < 0.6 and found["z_s_structure_read"].baselines["chance"] == 0.5
    assert found["z_s_shape_read"].value < 0.1


def test_a_code_that_the_decoder_does_not_read_explains_nothing():
    found = scores(Decoder(reads_z_s=False))
    assert found["z_s_explained"].value == pytest.approx(0, abs=1e-6)
    assert found["z_s_r_encoded"].value == pytest.approx(found["z_s_r_swapped"].value)


@pytest.mark.parametrize("bent", [False, True])  # what is bent only the perceptron can read
def test_a_code_that_holds_structure_or_shape_is_found_out(bent):
    def with_structure(hidden, z_r, y):
        sign = np.sign(hidden[:, 1:2]) if bent else 1
        return np.concatenate([hidden[:, :2], hidden[:, 2:3], (4 * y[:, None] - 2) * sign], axis=1)

    def with_shape(hidden, z_r, y):
        return np.abs(z_r) ** 1.5 if bent else z_r + 0.1 * hidden

    found = scores(z_s_of=with_structure, count=1200)
    assert found["z_s_structure_read"].value > 0.9
    measured = variation.measure(Decoder(), cells(0, z_s_of=with_shape), cells(1, z_s_of=with_shape))
    if not bent:
        assert by_name(variation.scores(measured, NAMES))["z_s_shape_read"].value > 0.9


def test_a_structure_of_one_cell_has_no_partner():
    y = np.zeros(40, int)
    y[0] = 1
    measured = variation.measure(Decoder(), cells(0, 40, y=y), cells(1, 40))
    assert np.isnan(measured.r["swapped"][0]) and not np.isnan(measured.r["swapped"][1:]).any()
    assert by_name(variation.scores(measured, NAMES))["z_s_r_swapped"].n == 39


def test_few_cells_of_a_structure_are_enough_for_the_readers():
    y = np.zeros(12, int)
    y[0] = 1
    measured = variation.measure(Decoder(), cells(0, 40), cells(1, 12, y=y))
    assert all(np.isfinite(values).all() for values in measured.recognised.values())
    one = variation.measure(Decoder(), cells(0, 1), cells(1, 12, y=0 * y))
    assert {score.metric for score in variation.scores(one, NAMES)} == {"explained", "r_encoded"}

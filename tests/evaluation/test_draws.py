import dataclasses
import types

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.evaluation import draws
from icell_tf.spec import CellSpec, Channel
from tests.short_evaluation import by_name, coded_cells

NAMES, SIZE, N = ("lamin-b1", "tom20"), 32, 12
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]


def disc(radius):
    return np.hypot(ROWS - 15.5, COLUMNS - 15.5) < radius


CELL, NUCLEUS = disc(12), disc(5)
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)


def coded(structure, **fields):
    """N cells, round, with a round nucleus; `structure` (H, W) in [0, 1] is what each shows, by turns of both kinds."""
    image = np.stack([0.4 * CELL, 0.05 * CELL + 0.9 * NUCLEUS, structure * np.ones((SIZE, SIZE))], axis=-1)
    images = np.repeat(np.rint(255 * image).astype(np.uint8)[None], N, axis=0)
    return coded_cells(images, np.arange(N) % 2, spec=SPEC, **fields)


class FakeIntegrator:
    """Predicts the same images (H, W, K) for every cell. An even number of draws has half of them as its mean."""

    structures = NAMES

    def __init__(self, images, std=0.0):
        self.images, self.std = images, std

    def integrate(self, x_r):
        return {"structures": np.repeat(self.images[None].astype(np.float32), len(x_r), axis=0)}

    def draw(self, x_r, count, seed):
        for number in range(count):
            yield self.integrate(x_r)["structures"] / 2 + np.float32((-1) ** number * self.std)


def measure(images, structure, std=0.0, count=4, **truths):
    return draws.measure(FakeIntegrator(np.stack(images, axis=-1), std), coded(structure, **truths), count)


def test_cell_and_nucleus_are_found():
    cell, nucleus = draws.cell_and_nucleus(coded(CELL).x(slice(None)), SPEC).values()
    np.testing.assert_array_equal(cell, np.repeat(CELL[None], N, axis=0))
    for mask in nucleus:
        assert not (mask & ~ndimage.binary_dilation(NUCLEUS, iterations=2)).any() and not (NUCLEUS & ~mask).any()


def test_fraction_outside_by_hand():
    images = np.array([[1.0, 3], [4, 0]]).reshape(1, 2, 2, 1)
    mask = np.array([[True, False], [True, True]])[None]
    assert draws.fraction_outside(images, mask) == pytest.approx(3 / 8)
    assert np.isnan(draws.fraction_outside(0 * images, mask))


def test_an_image_within_its_mask_does_not_leak():
    found = by_name(draws.scores(measure([NUCLEUS, CELL & ~disc(8)], NUCLEUS)))
    for name in ("outside_cell", "lamin-b1_outside_cell", "tom20_outside_cell", "lamin-b1_outside_nucleus"):
        for suffix in ("", "_in_draws"):
            score = found[name + suffix]
            assert score.value == 0 and score.baselines["observed"] == 0 and score.n == N
    assert found["tom20_in_nucleus"].value == 0
    assert found["tom20_in_nucleus"].baselines["observed"] == 1  # its cells show a nucleus as their structure
    assert "tom20_outside_nucleus" not in found and "lamin-b1_in_nucleus" not in found


def test_a_grey_image_leaks_as_much_as_there_is_outside():
    found = by_name(draws.scores(measure([np.ones((SIZE, SIZE))] * 2, CELL)))
    assert found["outside_cell"].value == pytest.approx(1 - CELL.mean())
    nucleus = draws.cell_and_nucleus(coded(CELL).x([0]), SPEC)["nucleus"]
    assert found["lamin-b1_outside_nucleus"].value == pytest.approx(1 - nucleus.mean())
    assert found["lamin-b1_outside_nucleus"].baselines["observed"] == pytest.approx(1 - nucleus.sum() / CELL.sum())
    assert found["tom20_in_nucleus"].value == pytest.approx(nucleus.mean())


def test_expected_localizations_stand_beside_the_observed_ones():
    expected = np.repeat(np.stack([255 * NUCLEUS, 255 * disc(20)], axis=-1)[None], N, axis=0).astype(np.uint8)
    found = by_name(draws.scores(measure([CELL, CELL], CELL, truths={"expected": expected})))
    assert found["lamin-b1_outside_nucleus"].baselines["expected"] == 0
    beyond = 1 - CELL.sum() / (disc(20) & np.ones((SIZE, SIZE), bool)).sum()
    assert found["tom20_outside_cell"].baselines["expected"] == pytest.approx(beyond)
    assert found["outside_cell"].baselines == pytest.approx({"observed": 0, "expected": beyond / 2})


def test_cells_in_volumes_and_without_a_nucleus_have_the_scores_that_they_can_have():
    """The same cell in each of four planes; and one whose only reference channel is of the membrane."""
    flat = coded(CELL)
    predicted = np.stack([CELL, disc(8)], axis=-1)
    deep = CellSpec("ZYX", (4, SIZE, SIZE), (2, 1, 1), NAMES)
    images = np.repeat(flat.images(slice(None))[:, None], 4, axis=1)
    volumes = draws.measure(FakeIntegrator(np.stack([predicted] * 4)), coded_cells(images, flat.y, spec=deep), 4)
    planes = draws.measure(FakeIntegrator(predicted), flat, 4)
    np.testing.assert_allclose(volumes.outside_cell.model, planes.outside_cell.model)
    assert volumes.outside_nucleus.model.shape == (N, 2) and 0 < volumes.outside_nucleus.model[0, 0] < 1
    channels = Channel("membrane", "reference"), Channel("structure", "structure")
    bare = dataclasses.replace(SPEC, channels=channels)
    cells = coded_cells(flat.images(slice(None))[..., [0, 2]], flat.y, spec=bare)
    found = by_name(draws.scores(draws.measure(FakeIntegrator(predicted), cells, 4)))
    assert "outside_cell" in found and not any("nucleus" in name for name in found)


def test_draws_that_do_not_differ_have_no_spread():
    found = by_name(draws.scores(measure([CELL, CELL], CELL, std=0.0, spread=np.full((N, 2), 0.1))))
    assert found["spread"].value == 0 and found["spread_ratio"].value == 0
    assert found["spread"].baselines == {"true": pytest.approx(0.1)}


def test_spread_is_the_unbiased_one_and_its_ratio_one_if_it_is_true():
    unbiased = 0.2 * np.sqrt(4 / 3)  # of four draws with a population standard deviation of 0.2
    true = np.stack([np.full(N, unbiased), np.full(N, unbiased / 2)], axis=1)
    found = by_name(draws.scores(measure([CELL, CELL], CELL, std=0.2, count=4, spread=true)))
    assert found["lamin-b1_spread"].value == pytest.approx(unbiased)
    assert found["lamin-b1_spread_ratio"].value == pytest.approx(1)
    assert found["tom20_spread_ratio"].value == pytest.approx(2)
    assert found["spread_ratio"].value == pytest.approx(4 / 3) and found["spread_ratio"].better == "near"


def test_without_truth_there_is_only_the_models_spread():
    found = by_name(draws.scores(measure([CELL, CELL], CELL, std=0.2)))
    assert found["spread"].baselines == {} and "spread_ratio" not in found
    assert found["outside_cell"].baselines.keys() == {"observed"}


def test_only_the_first_cells_are_drawn_and_one_draw_is_refused():
    images = np.stack([CELL, CELL], axis=-1)
    few = draws.measure(FakeIntegrator(images), coded(CELL), most=5)
    assert few.spread.shape == (5, 2) and few.outside_cell.observed.shape == (N, 2)
    with pytest.raises(ValueError, match="draws is 1"):
        draws.measure(types.SimpleNamespace(), coded(CELL), draws=1)

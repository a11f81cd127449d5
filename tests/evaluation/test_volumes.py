"""Every evaluator on volumes, and on frames whose sides differ, with a made-up model and a handful of cells."""

import math

import numpy as np
import pytest

from icell_tf.evaluation.evaluators import EVALUATORS, choose
from icell_tf.reports import pictures
from tests.made_up import OBLONG, VOLUMES, MadeUpCells, subject
from tests.short_evaluation import by_name, evaluate

COUNTS = {"train": 18, "validation": 6, "test": 12}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("spec", [VOLUMES, OBLONG], ids=["volumes", "oblong"])
def test_every_evaluator_measures_cells_of_any_shape(spec, mirrored):
    of = subject(spec, COUNTS, mirrored)
    context, parts = evaluate(of)
    assert [part.key for part in parts] == [evaluator.key for evaluator in EVALUATORS]
    for part in parts:
        scores = by_name(part.scores)
        assert bool(scores) == (part.key not in ("unseen", "detection"))
        assert all(math.isfinite(score.value) for score in scores.values()), part.key
        for exhibit in pictures.draw(context, part):
            assert exhibit.picture.dtype == np.uint8 and exhibit.picture.std() > 1
    measured = {part.key: part.measured for part in parts}
    assert measured["truth"].r["other_structure"].shape == (12, 3)
    assert measured["integration"].r["model"].shape == (12, 3)
    assert by_name(parts[0].scores)["membrane_r_noise_free"].n == 12
    assert {name: matrix.shape for name, (matrix,) in measured["integration"].pairs.items()} == dict.fromkeys(
        spec.structures, (4, 4)
    )


def test_volumes_without_truths_are_compared_with_what_they_show():
    _, parts = evaluate(subject(VOLUMES, COUNTS, truths=False), choose(["reconstruction", "integration", "draws"]))
    r = parts[1].measured.r["nearest"]
    assert parts[1].measured.compared_with == "observed"
    np.testing.assert_array_equal(np.isnan(r), ~np.eye(3, dtype=bool)[np.arange(12) % 3])
    assert all(part.scores for part in parts)


def test_no_more_than_a_batch_of_images_is_read_at_once_and_the_training_cells_a_few_times(monkeypatch):
    read, rows_read = MadeUpCells.read, []

    def recorded(self, split, rows, features=None):
        records = read(self, split, rows, features)
        if "image" in records:
            rows_read.append((split, len(records["image"])))
        return records

    monkeypatch.setattr(MadeUpCells, "read", recorded)
    counts = {"train": 200, "test": 60}
    evaluate(subject(OBLONG, counts, mirrored=True))
    assert max(count for _, count in rows_read) == 50
    # Codes, means, the regression's, codes and pixels of neighbours and their images, a part beside generated cells,
    # memorisation; and three batches for the judge.
    trained_on = sum(count for split, count in rows_read if split == "train")
    assert trained_on <= 7 * counts["train"] + counts["test"] + 3 * 32


def test_areas_are_of_the_maximum_along_z_and_in_square_micrometres():
    context, (part,) = evaluate(subject(VOLUMES, COUNTS), choose(["generated"]))
    (image,) = context.test.planes([0])
    area = (VOLUMES.reference(image).max(axis=-1) > 0).sum() * 0.5**2
    assert part.measured["held-out"]["cell_area"][0] == pytest.approx(area, rel=0.2)

"""The whole scorecard of a small untrained model, of an oracle in its place, and each of its parts alone."""

import dataclasses

import numpy as np
import pytest

from icell_tf.data.prepared import TRUTHS, PreparedCells
from icell_tf.evaluation import classification, integration
from icell_tf.evaluation.evaluators import EVALUATORS, choose, is_complete
from icell_tf.evaluation.integration import RIVALS
from tests.short_evaluation import by_name, evaluate

PREDICTIONS = {"model", "mean_of_draws", *RIVALS}


class Oracle:
    """The integrator, but for integration and classification: there it knows the truth of the cells it is given."""

    def __init__(self, integrator, cells):
        self.integrator = integrator
        every = slice(None)
        pairs = (pair for coded in cells.values() for pair in zip(coded.images(every), coded.y, strict=True))
        self.y = {image.tobytes(): k for image, k in pairs}
        test = cells["test"]
        known = zip(test.spec.reference(test.images(every)), test.expected(every), strict=True)
        self.expected = {x_r.tobytes(): expected for x_r, expected in known}

    def __getattr__(self, name):
        return getattr(self.integrator, name)

    def encode(self, x_rs):
        y = [self.y[image.tobytes()] for image in np.rint(255 * x_rs).astype(np.uint8)]
        return self.integrator.encode(x_rs) | {"probabilities": np.eye(len(self.structures))[y]}

    def integrate(self, x_r, samples=0, seed=0):
        found = [self.expected[image.tobytes()] for image in np.rint(255 * x_r).astype(np.uint8)]
        return self.integrator.integrate(x_r, samples, seed) | {"structures": np.stack(found) / np.float32(255)}


class Observed(PreparedCells):
    """The same cells without what only simulated ones know, and no test cell with the last structure."""

    def examples(self, split, batch_size):
        for start in range(0, len(self._kept_rows(split)), batch_size):
            yield self.read(split, slice(start, start + batch_size))

    def read(self, split, rows, features=None):
        records = super().read(split, self._kept_rows(split)[rows].tolist(), features)
        return {name: values for name, values in records.items() if name not in TRUTHS}

    def _kept_rows(self, split):
        y = super().labels(split)["structure"]
        return np.flatnonzero(y < len(self.spec.structures) - (split == "test"))


def test_the_parts_are_measured_in_order_and_told(evaluation):
    _, parts, told = evaluation
    coded = "coding the cells of split 'test', coding the cells of split 'train'"
    later = "integration, draws, distribution of draws, generated cells, memorisation, latent space, what z_s holds"
    assert ", ".join(told) == f"reconstruction, {coded}, classification, {later}"
    assert [part.key for part in parts] == [evaluator.key for evaluator in EVALUATORS] and is_complete(parts)
    for part in parts:
        assert bool(by_name(part.scores)) == (part.key not in ("unseen", "truth", "detection"))
        assert part.key != "detection" or "10 of them" in part.about
        assert part.key != "unseen" or "--leave_out=" in part.about
        assert part.key != "truth" or "truth.csv" in part.about
        assert part.key != "latent" or all(np.isfinite(score.value) and score.code for score in part.scores)


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: evaluator.key)
def test_a_part_alone_has_the_scores_of_the_whole(evaluator, evaluation, subject):
    _, (alone,) = evaluate(subject, [evaluator])
    (part,) = [part for part in evaluation[1] if part.key == evaluator.key]
    assert alone.about == part.about and not is_complete([alone])
    assert [score.to_json() for score in alone.scores] == [score.to_json() for score in part.scores]


def test_parts_are_chosen_by_name():
    assert [evaluator.key for evaluator in choose(["latent", "classification"])] == ["classification", "latent"]
    for keys in (["latent", "sharpness"], []):
        with pytest.raises(ValueError, match=f"--parts: .*{'sharpness' if keys else ''}") as error:
            choose(keys)
        assert all(evaluator.key in str(error.value) for evaluator in EVALUATORS)


def test_an_oracle_scores_one(subject, cells):
    oracle = dataclasses.replace(subject, integrator=Oracle(subject.integrator, cells), reference_trained=False)
    parts = choose(["reconstruction", "classification", "integration"])
    _, (reconstructed, classified, integrated) = evaluate(oracle, parts)
    figures = classification.main_figures(classified.measured)
    assert figures["accuracy"] == figures["balanced_accuracy"] == 1
    figures = integration.main_figures(integrated.measured)
    for row in (*figures["integration"].values(), *figures["integration_inside_cell"].values()):
        assert row["model"] == pytest.approx(1)
        assert all(row[rival] < 0.999 for rival in RIVALS)
    scores = by_name(integrated.scores)
    assert scores["structures_won"].value == len(subject.integrator.structures) and scores["margin"].value > 0
    assert {score.model for score in reconstructed.scores} == {None}


def test_without_expectations_only_observed_structures_count(subject, prepared):
    observed = dataclasses.replace(subject, prepared=Observed(prepared.folder))
    context, parts = evaluate(observed, choose(["reconstruction", "integration", "draws", "generated"]))
    assert all(part.scores for part in parts)
    figures, test = integration.main_figures(parts[1].measured), context.test
    assert figures["compared_with"] == "observed" and not test.truths
    known = np.unique(test.y).tolist()
    assert list(figures["integration"]) == [prepared.spec.structures[k] for k in known] and 9 not in known
    x = test.x(slice(None))
    predicted, shown = subject.integrator.integrate(x[..., :2])["structures"], x[..., 2]
    r = [np.corrcoef(predicted[i, ..., k].ravel(), shown[i].ravel())[0, 1] for i, k in enumerate(test.y)]
    for row, k in zip(figures["integration"].values(), known, strict=True):
        assert set(row) == PREDICTIONS and row["model"] == pytest.approx(np.mean(np.array(r)[test.y == k]), abs=1e-5)
    of_structures = [row["model"] for row in figures["integration"].values()]
    assert figures["integration_mean"]["model"] == pytest.approx(np.mean(of_structures))

"""Evaluations that take seconds: few draws, a judge that is hardly trained, cells made up; and scores by name."""

from functools import cached_property

import numpy as np

from icell_tf.evaluation import judge
from icell_tf.evaluation.coded_cells import CodedCells
from icell_tf.evaluation.context import Context
from icell_tf.evaluation.evaluators import EVALUATORS

SEED = 3


class ShortContext(Context):
    """A `Context` whose judge is trained for three steps."""

    @cached_property
    def judge(self):
        return judge.train_judge(self.train.images, self.train.y, len(self.integrator.structures), self.seed, steps=3)


def evaluate(subject, evaluators=EVALUATORS, progress=lambda step: None):
    """Returns the context of an evaluation, and its parts."""
    context = ShortContext(subject, draws=2, seed=SEED, progress=progress)
    return context, [evaluator.run(context) for evaluator in evaluators]


def by_name(scores):
    """Returns {name: `Score`}; no two of a part may have the same name."""
    found = {score.name: score for score in scores}
    assert len(found) == len(scores)
    return found


def coded_cells(images, y=None, z=None, **fields):
    """Returns `CodedCells` of images (N, H, W, 3), but for `fields` sure of their structures y, and all codes z.

    Without y they show one structure, without z their codes are zeros.
    """
    y = np.zeros(len(images), int) if y is None else np.array(y)
    ids, z = [f"cell {i}" for i in range(len(y))], np.zeros((len(y), 2), np.float32) if z is None else z
    known = {"split": "test", "cell_ids": ids, "fov_ids": ids, "probabilities": np.eye(y.max() + 1)[y]}
    known |= dict.fromkeys(("z_r", "z_r_hat", "z_s"), z)
    return CodedCells(images=images, y=y, **(known | fields))

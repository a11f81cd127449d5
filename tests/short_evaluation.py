"""Evaluations that take seconds: few draws, a judge that is hardly trained, cells made up; and scores by name."""

import dataclasses
from functools import cached_property

import numpy as np

from icell_tf.evaluation import judge
from icell_tf.evaluation.coded_cells import CodedCells
from icell_tf.evaluation.context import Context
from icell_tf.evaluation.evaluators import EVALUATORS
from icell_tf.spec import CellSpec

SEED = 3


class ShortContext(Context):
    """A `Context` whose judge is trained for three steps."""

    @cached_property
    def judge(self):
        return judge.train_judge(self.train, self.seed, steps=3)


def evaluate(subject, evaluators=EVALUATORS, progress=lambda step: None):
    """Returns the context of an evaluation, and its parts."""
    context = ShortContext(subject, draws=2, seed=SEED, progress=progress)
    return context, [evaluator.run(context) for evaluator in evaluators]


def by_name(scores):
    """Returns {name: `Score`}; no two of a part may have the same name."""
    found = {score.name: score for score in scores}
    assert len(found) == len(scores)
    return found


def coded_cells(images, y=None, z=None, spec=None, truths=None, **fields):
    """Returns `CodedCells` of images (N, *shape, C), but for `fields` sure of their structures y, and all codes z.

    Without y they show one structure, without z their codes are zeros. `spec` is the images', by default `spec_of`;
    `truths` are of the size of images, {name: (N, ...)}.
    """
    y = np.zeros(len(images), int) if y is None else np.array(y)
    ids, z = [f"cell {i}" for i in range(len(y))], np.zeros((len(y), 2), np.float32) if z is None else z
    known = {"split": "test", "cell_ids": ids, "fov_ids": ids, "probabilities": np.eye(y.max() + 1)[y]}
    known |= dict.fromkeys(("z_r", "z_r_hat", "z_s"), z) | fields
    records, spec = {"image": images} | (truths or {}), spec or spec_of(images, known["probabilities"].shape[1])

    def read(rows, features):
        return {name: records[name][rows] for name in features}

    return CodedCells(spec=spec, read=read, y=y, truths=tuple(truths or ()), **known)


def spec_of(images, structures, names=("tom20", "zo1", "lysosome"), pixel_size=1.0):
    """Returns the `CellSpec` of images (N, *shape, C) of the first structures, or of the names that are given."""
    _, *shape, _ = images.shape
    axes = {2: "YX", 3: "ZYX"}[len(shape)]
    names = names[:structures] if structures <= len(names) else tuple(f"structure {k}" for k in range(structures))
    return CellSpec(axes, tuple(shape), (pixel_size,) * len(shape), names)


def some_of(cells, rows):
    """Returns `CodedCells` of some of others. Args: rows: a slice, or bool or integers (N,)."""
    rows = np.arange(len(cells))[rows]
    names = ("y", "probabilities", "z_r", "z_r_hat", "z_s")
    ids = {name: [getattr(cells, name)[row] for row in rows] for name in ("cell_ids", "fov_ids")}
    few = {name: getattr(cells, name)[rows] for name in names} | ids
    for name in ("ceiling", "spread"):
        few |= {name: getattr(cells, name)[rows]} if getattr(cells, name) is not None else {}
    return dataclasses.replace(cells, read=lambda some, features: cells.read(rows[some].tolist(), features), **few)

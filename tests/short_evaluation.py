"""Evaluations that take seconds: few draws, and a judge that is hardly trained."""

from functools import cached_property

from icell_tf.evaluation import judge
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

import dataclasses

import numpy as np
from matplotlib.axes import Axes

from icell_tf.models import ConditionalModel, ReferenceModel, SamplerModel
from icell_tf.paper import curves


def test_the_panels_are_of_metrics_that_training_logs():
    shared = {metric for _, metrics, _ in curves.SHARED for metric in metrics}
    own = {metric for _, metrics, _ in curves.CONDITIONAL for metric in metrics}
    assert shared - {"integration"} <= set(ReferenceModel.metric_names)
    objectives = {"encoder", "decoder"}  # sums of the others
    assert shared | own == set(ConditionalModel.metric_names) - objectives
    assert {metric for _, metrics, _ in curves.SAMPLER for metric in metrics} == set(SamplerModel.metric_names)


def test_each_metric_is_drawn_over_its_epochs(subject, monkeypatch):
    drawn, plot = [], Axes.plot
    record = lambda ax, *args, **marks: drawn.append(args) or plot(ax, *args, **marks)  # noqa: E731
    monkeypatch.setattr(Axes, "plot", record)
    exhibit = curves.training_curves(subject)
    assert ((1, 2, 3), (0.6,) * 3, "--") in drawn and ((1, 2, 3), (1.4,) * 3, "-") in drawn
    assert ((1, 2), (2.0, 2.0), "-") in drawn
    assert len(drawn) == 4 + 5  # of the phases; what isn't logged isn't drawn
    assert "n = 3 epochs of the reference model and 2 epochs of the conditional model" in exhibit.caption


def test_a_phase_whose_curves_are_gone_is_left_out(subject):
    both = curves.training_curves(subject).picture
    one = curves.training_curves(dataclasses.replace(subject, curves={"conditional": subject.curves["conditional"]}))
    assert np.isclose(one.picture.shape[0], both.shape[0] * 2 / 3, atol=1)
    assert curves.training_curves(dataclasses.replace(subject, curves={"reference": []})) is None

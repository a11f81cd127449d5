import numpy as np

from icell_tf.evaluation.classification import Classification
from icell_tf.evaluation.integration import Integration
from icell_tf.reports import score_figures

NAMES = ("tom20", "zo1", "lysosome")


def measured(confidence, compared_with="expected"):
    y = np.arange(60) % 2
    classified = Classification(NAMES, y, np.zeros(60, int), np.full(60, confidence), {})
    r = {name: np.full((60, 3), 0.1 * (i + 1)) for i, name in enumerate(score_figures.LOOKS)}
    if compared_with == "observed":
        r = {name: np.where(np.eye(3)[y] > 0, values, np.nan) for name, values in r.items() if name != "ceiling"}
    return classified, Integration(NAMES, compared_with, r, {}, {})


def blue(picture):
    """Where the picture has Matplotlib's tab:blue."""
    return (picture == (31, 119, 180)).all(axis=-1)


def test_the_curve_lies_where_the_confidence_is():
    low, high = (blue(score_figures.reliability_curve(measured(c)[0])) for c in (0.3, 0.9))
    assert np.nonzero(high[:400])[1].mean() > np.nonzero(low[:400])[1].mean() + 50


def test_integration_has_a_row_a_structure_that_is_known_and_one_for_the_mean():
    for compared_with, rows in (("expected", 4), ("observed", 3)):
        picture = score_figures.integration_by_structure(measured(0.5, compared_with)[1])
        marks = blue(picture)[:, :580].any(axis=1)  # the legend is right of that
        assert (np.diff(marks.astype(int)) == 1).sum() == rows

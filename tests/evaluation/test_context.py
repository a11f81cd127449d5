import dataclasses
from types import SimpleNamespace

import pytest

from icell_tf.data.prepared import DatasetError, PreparedCells
from icell_tf.evaluation import context as module
from icell_tf.evaluation.context import Context


def test_cells_are_coded_once_and_only_where_they_are_needed(subject, monkeypatch):
    coded, told = [], []
    monkeypatch.setattr(module, "code_cells", lambda integrator, prepared, split: coded.append(split) or split)
    context = Context(subject, progress=told.append)
    assert not coded
    assert context.test == context.test == "test" and coded == ["test"]
    assert list(context.cells) == ["train", "validation", "test"] and coded == ["test", "train", "validation"]
    assert len(told) == 3 and all(split in line for split, line in zip(coded, told, strict=True))


@pytest.mark.parametrize(
    "other, found",
    [
        ({"image_size": 64}, "64 px"),
        ({"pixel_size": 0.6}, "0.6 µm"),
        ({"preparation": "none, maximum, 1"}, "none, maximum, 1"),
        ({"structures": ("tom20",)}, "has tom20 in"),
    ],
)
def test_a_data_set_of_other_cells_is_refused_and_the_difference_told(subject, prepared, other, found):
    others = SimpleNamespace(cells=dataclasses.replace(prepared.cells, **other))
    with pytest.raises(ValueError, match="--dataset: ") as error:
        Context(dataclasses.replace(subject, prepared=others))
    has, _, trained_on = str(error.value).partition("the model was trained on")
    assert found in has and found not in trained_on


def test_a_data_set_without_test_cells_is_refused(subject, prepared):
    class Untested(PreparedCells):
        splits = {"train": 60, "validation": 10}

    with pytest.raises(DatasetError, match="'test'.*train, validation"):
        Context(dataclasses.replace(subject, prepared=Untested(prepared.folder)))

import dataclasses
from types import SimpleNamespace

import pytest

from icell_tf.data.prepared import DatasetError, PreparedCells
from icell_tf.evaluation import context as module
from icell_tf.evaluation.context import Context
from icell_tf.spec import Preparation


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
        ({"shape": (64, 32)}, "shape was (32, 32), now (64, 32)"),
        (
            {"axes": "ZYX", "shape": (8, 32, 32), "pixel_size": (2.4, 1.2, 1.2)},
            "axes was YX (planes), now ZYX (volumes)",
        ),
        ({"pixel_size": (0.6, 0.6)}, "now (0.6, 0.6)"),
        ({"preparation": Preparation("none")}, "now none, maximum"),
        ({"structures": ("tom20",)}, "now ('tom20',)"),
    ],
)
def test_a_data_set_of_other_cells_is_refused_and_the_difference_told(subject, prepared, other, found):
    others = SimpleNamespace(spec=dataclasses.replace(prepared.spec, **other), dataset="cells/mine/1.0.0")
    with pytest.raises(ValueError, match="--dataset: cells/mine/1.0.0 has other cells") as error:
        Context(dataclasses.replace(subject, prepared=others))
    assert found in str(error.value) and "Build these cells with the model's settings" in str(error.value)


def test_a_data_set_without_test_cells_is_refused(subject, prepared):
    class Untested(PreparedCells):
        splits = {"train": 60, "validation": 10}

    with pytest.raises(DatasetError, match="'test'.*train, validation"):
        Context(dataclasses.replace(subject, prepared=Untested(prepared.folder)))

"""icell models, and the commands on a model that ships."""

import pytest

from icell_tf.inference import loading
from icell_tf.runs import shipped

from ..in_process import run_icell
from .conftest import run

COMMANDS = "integrate", "sample", "evaluate", "export", "traverse"


@pytest.fixture
def tiny(ships, tmp_path):
    return tmp_path


def test_models_are_listed(tiny):
    _, listed = run_icell(tiny, "models")
    for text in (
        "tiny: tiny cells",
        "two epochs",
        "not for     any use",
        "Apache-2.0",
        "accuracy 0.500 (0.400 to 0.600)",
    ):
        assert text in listed


def test_integrate_takes_the_cells_that_ship(tiny, monkeypatch):
    told = run(tiny, "integrate.py", "--model=tiny", "--limit=2", "--output=out")
    assert told.startswith("2 cells, 10 structures each")
    assert len(list((tiny / "out").glob("*_structures.png"))) == 2
    monkeypatch.setattr(loading, "load", None)  # existing files are refused before the model is loaded
    message, _ = run_icell(tiny, "integrate", "--model=tiny", "--limit=2", "--output=out")
    assert "_structures.png exists, and 5 more" in message


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["Tiny", "tiny/", " tiny"])
def test_a_misspelt_name_is_refused_with_those_that_ship(tiny, command, name):
    message, _ = run_icell(tiny, command, f"--model={name}")
    assert message.startswith("Error: there is no folder") and message.endswith("ships with icell_tf: tiny")


def test_models_says_that_the_list_is_missing(tiny, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tiny)
    message, _ = run_icell(tiny, "models")
    assert "models.json is missing: install icell_tf again" in message


def test_an_evaluation_is_not_written_into_the_package(tiny):
    before = sorted(shipped.FOLDER.rglob("*"))
    run(tiny, "evaluate.py", "--model=tiny", "--parts=classification")
    assert (tiny / "tiny-evaluation-classification" / "metrics.json").exists()
    assert sorted(shipped.FOLDER.rglob("*")) == before

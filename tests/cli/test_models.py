"""icell models, and the commands on a model that ships."""

import pytest

from icell_tf.runs import shipped

from ..in_process import run_icell
from .conftest import run


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


def test_integrate_takes_the_cells_that_ship(tiny):
    told = run(tiny, "integrate.py", "--model=tiny", "--limit=2", "--output=out")
    assert told.startswith("2 cells, 10 structures each")
    assert len(list((tiny / "out").glob("*_structures.png"))) == 2


def test_an_evaluation_is_not_written_into_the_package(tiny):
    before = sorted(shipped.FOLDER.rglob("*"))
    run(tiny, "evaluate.py", "--model=tiny", "--parts=classification")
    assert (tiny / "tiny-evaluation-classification" / "metrics.json").exists()
    assert sorted(shipped.FOLDER.rglob("*")) == before

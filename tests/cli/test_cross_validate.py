"""The command that cross-validates, training and measuring replaced: what is trained, on what, and where it goes."""

import dataclasses
import importlib

import pytest
from absl import flags

from icell_tf.config import PRESETS
from icell_tf.data.prepared import PreparedCells
from icell_tf.reports import model_card

from ..in_process import own_flags


@pytest.fixture
def command():
    """The command's module, with flags of its own."""
    with own_flags("cross_validate"):
        yield importlib.import_module("icell_tf.cli.cross_validate")


def test_each_fold_trains_both_phases_and_tests_its_own_cells(command, prepared, monkeypatch, tmp_path, capsys):
    trained, measured, pooled = [], [], []
    monkeypatch.setattr(command, "train_reference", lambda *arguments, **how: trained.append((*arguments, how)))
    monkeypatch.setattr(command, "train_conditional", lambda *arguments, **how: trained.append((*arguments, how)))
    monkeypatch.setattr(command, "load", lambda run_dir: run_dir)
    monkeypatch.setattr(command, "measure_fold", lambda *arguments: measured.append(arguments))
    monkeypatch.setattr(command, "pool", lambda *arguments: pooled.append(arguments))
    monkeypatch.setattr(command, "table", lambda content: "the table")
    given = ["--preset=small", "--folds=2", "--reference_epochs=3", "--batch_size=8", "--data_dir=data", "--overwrite"]
    flags.FLAGS(["command", *given, f"--dataset={prepared.folder}", f"--output={tmp_path}"])
    command.main()

    presets, settings = PRESETS["small"], {"dataset": str(prepared.folder), "batch_size": 8}
    reference, conditional = (dataclasses.replace(presets[p], **settings) for p in ("reference", "conditional"))
    how = {"data_dir": "data", "overwrite": True, "deterministic": False, "threads": "auto", "cache": "auto"}
    how["card"] = model_card
    for i, fold in enumerate(("1/2", "2/2")):
        folder = tmp_path / f"fold-{i + 1}"
        config = dataclasses.replace(reference, fold=fold, epochs=3)
        assert trained[2 * i] == (config, folder / "reference", how)
        config = dataclasses.replace(conditional, fold=fold)
        assert trained[2 * i + 1] == (config, folder / "reference", folder / "conditional", how)
        cells = PreparedCells(prepared.folder, fold=fold)
        assert measured[i] == (folder / "conditional", cells, folder / "evaluation")
    folders = [tmp_path / f"fold-{part}" / "evaluation" for part in (1, 2)]
    assert pooled == [(folders, cells, tmp_path)]
    assert capsys.readouterr().out.endswith(f"the table\nwrote {tmp_path}/pooled.json\n")

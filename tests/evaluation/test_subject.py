import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.data.prepared import PreparedCells
from icell_tf.evaluation.subject import has_cells_of, load_subject
from icell_tf.paper.network_tables import tables_of_networks
from icell_tf.runs import trained, weights
from icell_tf.runs.run import Run


def test_a_subject_is_loaded_without_phase_one_if_that_is_not_found(conditional_run, reference_run, tmp_path, capsys):
    assert load_subject(conditional_run).reference_trained and not capsys.readouterr().out
    moved = shutil.copytree(conditional_run, tmp_path / "moved")
    run = Run.load(moved)
    dataclasses.replace(run, reference_dir=str(tmp_path / "gone")).save(moved)
    subject = load_subject(moved)
    assert not subject.reference_trained and list(subject.curves) == ["conditional"]
    printed = capsys.readouterr().out
    assert all(fact in printed for fact in (f"{tmp_path}/gone", "config.json", "--reference="))
    subject = load_subject(moved, reference_dir=reference_run)
    assert subject.reference_trained and set(subject.curves) == {"conditional", "reference"}
    with pytest.raises(ConfigError, match="--reference: .*moved.*'conditional'"):
        load_subject(moved, reference_dir=moved)


def test_a_subject_of_phase_three_has_the_networks_of_all_phases(sampler_run, conditional_run, tmp_path, capsys):
    subject, before = load_subject(sampler_run), load_subject(conditional_run)
    assert set(subject.curves) == {"reference", "conditional", "sampler"} and subject.integrator.sharp
    for name, network in before.networks.items():
        assert all(map(np.array_equal, network.get_weights(), subject.networks[name].get_weights())), name
    assert [table.table for table in tables_of_networks(subject)] == [
        table.table for table in tables_of_networks(before)
    ]
    assert not capsys.readouterr().out
    moved = shutil.copytree(sampler_run, tmp_path / "moved")
    dataclasses.replace(Run.load(moved), conditional_dir=str(tmp_path / "gone")).save(moved)
    assert set(load_subject(moved).curves) == {"reference", "sampler"}
    assert f"{tmp_path}/gone" in capsys.readouterr().out


def test_a_reference_that_was_trained_further_is_refused(conditional_run, reference_run, tmp_path):
    later = shutil.copytree(reference_run, tmp_path / "later")
    model, run = trained.load_model(later)
    model.enc.set_weights([weights * 1.5 for weights in model.enc.get_weights()])
    weights.save_weights(model, later / weights.BEST, run.key)
    with pytest.raises(ConfigError, match="--reference: .*later.*other weights"):
        load_subject(conditional_run, reference_dir=later)


def test_a_run_without_weights_is_refused(reference_run, tmp_path):
    shutil.copy(reference_run / "config.json", tmp_path)
    with pytest.raises(ConfigError, match="best.weights.h5"):
        trained.load_model(tmp_path)


def test_other_cells_of_the_same_name_are_told(conditional_run, monkeypatch, capsys):
    load_subject(conditional_run)
    assert "Warning" not in capsys.readouterr().out
    monkeypatch.setattr(PreparedCells, "fingerprint", "other")
    load_subject(conditional_run)
    assert "has other cells or other splits than when" in capsys.readouterr().out


def test_simulated_cells_of_another_processor_are_the_runs_own():
    def found(dataset, fingerprint):
        return SimpleNamespace(dataset=dataset, fingerprint=fingerprint)

    for name, same in (("integrated_cell/simulated_64/3.0.0", True), ("integrated_cell/mine/3.0.0", False)):
        run = SimpleNamespace(dataset=name, cells="a")
        assert has_cells_of(run, found(name, "a")) and has_cells_of(run, found(name, "b")) is same
        assert not has_cells_of(run, found("integrated_cell/simulated_64/2.0.0", "b"))

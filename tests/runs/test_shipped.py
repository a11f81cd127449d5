"""Models that ship: found by name, checked by hash, told apart from folders."""

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import icell_tf
from icell_tf.config import ConfigError
from icell_tf.data.prepared import PreparedCells
from icell_tf.export import shipping
from icell_tf.inference.inputs import Reading, read_inputs
from icell_tf.runs import shipped, sources, trained, weights
from icell_tf.runs.known import Known
from icell_tf.runs.run import CARD_FILE

from ..in_process import run_icell


def test_a_model_that_ships_answers_as_its_run_does(ships, sampler_run, prepared):
    here, there = icell_tf.load(sampler_run), icell_tf.load("tiny")
    x_rs, _ = prepared.first("test", 2)
    x_r = prepared.spec.reference(x_rs)
    assert there.spec == here.spec and there.sharp
    for method, arguments in {"integrate": (x_r, 2), "classify": (x_rs,), "sample": ([1], 3)}.items():
        expected, found = (getattr(model, method)(*arguments) for model in (here, there))
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])


def test_it_ships_without_what_only_training_needs(ships, sampler_run):
    names = {file.name for file in (ships / "tiny").iterdir()}
    assert names == {"config.json", "networks.h5", "model_card.md", "cells.npz"}
    assert (ships / "tiny" / "networks.h5").stat().st_size < (sampler_run / weights.BEST).stat().st_size / 2
    _, run = trained.load_model(ships / "tiny")
    assert not run.reference_dir and not run.conditional_dir


def test_a_threshold_for_unknown_structures_ships_with_its_hash(sampler_run, shipped_folder, tmp_path, monkeypatch):
    model, run = trained.load_model(sampler_run)
    run_dir = shutil.copytree(sampler_run, tmp_path / "run")
    rates = {"accepted": {"value": 0.95, "interval": [0.9, 0.975], "n": 40}, "rejected": None}
    known = Known(np.zeros((8, len(run.spec.structures)), np.float32), 0.5, 0.96, rates)
    path = known.save(run_dir, model.enc)
    ships, to_ship = tmp_path / "models", shipping.Model("tiny", str(run_dir), "", "", "")
    entry = shipping.ship(to_ship, shipped_folder.parent, ships)
    assert (ships / "tiny" / "known.npz").read_bytes() == path.read_bytes()
    assert entry["files"]["known.npz"] == shipped.hash_of(path) and entry["known"] == known.about
    monkeypatch.setattr(shipped, "FOLDER", ships)
    monkeypatch.chdir(tmp_path)
    assert icell_tf.load("tiny").known == known.about
    assert "unknown     told by a threshold that accepts 95.0%" in run_icell(tmp_path, "models")[1]
    model.enc.set_weights([values + 1 for values in model.enc.get_weights()])
    known.save(run_dir, model.enc)  # of other weights than those that ship
    entry = shipping.ship(to_ship, shipped_folder.parent, ships)
    assert "known.npz" not in entry["files"] and entry["known"] is None


def test_training_starts_from_the_networks_that_ship_alone(ships, sampler_run):
    networks, run = sources.open_source("tiny")
    assert run.phase == "sampler"
    assert set(networks) == {"enc_r", "dec_r", "enc_rs", "dec_rs", "gen_s", "gen_r", "mean_gen_s", "mean_gen_r"}
    whole, _ = sources.open_source(sampler_run)
    for name, network in networks.items():
        for found, expected in zip(network.get_weights(), whole[name].get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(ConfigError, match="no folder absent.*ships with icell_tf: tiny"):
        sources.open_source("absent")


def test_its_scores_are_those_of_its_card(ships):
    entry = shipped.described()["tiny"]
    measured = shipping.measure(ships / "tiny")
    assert measured == pytest.approx(entry["measured"], abs=5e-4)
    card = (ships / "tiny" / CARD_FILE).read_text()
    assert card.startswith("# Model card: tiny\n") and "\n## Notes\n" in card
    assert f"accuracy {measured['accuracy']:.3f}, r of Algorithm 3 {measured['r']:.3f}." in card
    assert entry["scores"]["accuracy"] == [0.5, 0.4, 0.6] and entry["known"] is None


def test_its_cells_are_test_cells_first_one_of_each_structure(ships, prepared):
    cells = shipped.read_cells(ships / "tiny")
    assert list(cells["structure"][:10]) == list(range(10))
    test = PreparedCells(prepared.folder).read("test", slice(None))
    row = [name.decode() for name in test["cell_id"]].index(cells["cell_id"][3])
    np.testing.assert_array_equal(cells["image"][3], test["image"][row])
    np.testing.assert_array_equal(cells["expected"][3], test["expected"][row][..., cells["structure"][3]])
    read = read_inputs([ships / "tiny"], icell_tf.load("tiny"))
    assert [cell.structure for cell in read] == list(prepared.spec.structures)
    assert len(read_inputs([ships / "tiny"], icell_tf.load("tiny"), Reading(limit=2))) == 2


def test_a_folder_of_the_same_name_is_refused_with_both(ships, tmp_path):
    (tmp_path / "tiny").mkdir()
    with pytest.raises(ValueError, match=f"{ships / 'tiny'}.*{tmp_path / 'tiny'}"):
        icell_tf.load("tiny")
    assert shipped.resolve("./tiny").resolve() == tmp_path / "tiny"


def test_what_does_not_ship_is_refused_with_what_does(ships):
    with pytest.raises(FileNotFoundError, match="no folder small.*ships with icell_tf: tiny"):
        icell_tf.load("small")
    with pytest.raises(ValueError, match="tiny ships with one set of weights"):
        icell_tf.load("tiny", "last")
    with pytest.raises(ConfigError, match="tiny ships with one set of weights, networks.h5: there are no last.weights"):
        trained.load_model(ships / "tiny", weights.LAST)


@pytest.mark.parametrize("content", ["", "{oops", "[]", '{"tiny": []}', '{"tiny": {"files": {}}}', b"\xff"])
def test_a_damaged_list_is_refused_by_its_name_but_does_not_stop_own_runs(content, ships, sampler_run, monkeypatch):
    folder = ships.parent / "damaged"
    folder.mkdir(exist_ok=True)
    path = folder / shipped.INDEX
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(shipped, "FOLDER", folder)
    with pytest.raises(ConfigError, match="models.json does not describe the models .*: install icell_tf again"):
        icell_tf.load("tiny")
    assert shipped.resolve(sampler_run) == sampler_run


def test_a_missing_list_is_named(ships, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", ships / "none")
    with pytest.raises(FileNotFoundError, match="ships with icell_tf: none, because .*models.json is missing: install"):
        icell_tf.load("tiny")


def test_the_path_of_its_folder_is_as_good_as_its_name(ships, tmp_path, monkeypatch):
    """It is checked and protected, however it is written."""
    monkeypatch.chdir(ships)
    link = tmp_path / "link"
    link.symlink_to(ships / "tiny")
    for path in ("tiny", "./tiny", "tiny/", "../models/tiny", ships / "tiny", link):
        assert shipped.is_shipped(path) and shipped.resolve(path) == ships / "tiny"
    cells = ships / "tiny" / "cells.npz"
    content = cells.read_bytes()
    cells.write_bytes(content[:-1])
    try:
        with pytest.raises(ConfigError, match="cells.npz is not the file that was shipped"):
            icell_tf.load("./tiny")
        with pytest.raises(ConfigError, match="cells.npz is not the file that was shipped"):
            read_inputs([ships / "tiny"], None)
    finally:
        cells.write_bytes(content)


def test_its_cells_in_another_model_keep_their_structures_and_must_fit(ships):
    class Other:
        spec = dataclasses.replace(icell_tf.load("tiny").spec, structures=("zo1",))

    read = read_inputs([ships / "tiny"], Other)
    assert [cell.structure for cell in read] == list(icell_tf.load("tiny").structures)
    Other.spec = dataclasses.replace(Other.spec, pixel_size=(0.6, 0.6))
    with pytest.raises(ValueError, match="tiny: its cells have .* but the model takes"):
        read_inputs([ships / "tiny"], Other)


@pytest.mark.parametrize("change", ["another byte", "no file"])
def test_changed_files_are_refused(ships, change):
    file = ships / "tiny" / "networks.h5"
    content = file.read_bytes()
    file.write_bytes(content[:-1]) if change == "another byte" else file.unlink()
    try:
        with pytest.raises(ValueError, match="networks.h5 is not the file that was shipped.*install icell_tf again"):
            icell_tf.load("tiny")
    finally:
        file.write_bytes(content)


def test_networks_of_another_run_are_refused(ships, sampler_run, tmp_path):
    model, run = trained.load_model(sampler_run)
    with pytest.raises(ConfigError, match="networks.h5.*another run"):
        weights.load_networks(model, ships / "tiny" / "networks.h5", run.key + 1)
    (tmp_path / "networks.h5").write_bytes(b"no HDF5")
    with pytest.raises(ConfigError, match="networks.h5 does not hold"):
        weights.load_networks(model, tmp_path / "networks.h5", run.key)


def test_a_run_that_was_not_evaluated_is_not_shipped(sampler_run, shipped_folder, tmp_path):
    model = shipping.Model("tiny", str(sampler_run), "", "", "")
    with pytest.raises(ConfigError, match="evaluate the run first"):
        shipping.ship(model, tmp_path, tmp_path / "models")
    scores = json.loads((shipped_folder.parent / "metrics.json").read_text())["scores"]
    (tmp_path / "metrics.json").write_text(json.dumps({"scores": scores[1:]}))
    with pytest.raises(ConfigError, match="lacks accuracy"):
        shipping.ship(model, tmp_path, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_run_that_is_not_finished_or_badly_evaluated_is_not_shipped(sampler_run, tmp_path):
    run_dir = shutil.copytree(sampler_run, tmp_path / "run")
    model, folder = shipping.Model("tiny", str(run_dir), "", "", ""), tmp_path / "models"
    (tmp_path / "metrics.json").write_text("[")
    with pytest.raises(ConfigError, match="metrics.json is damaged .*: evaluate the run again"):
        shipping.ship(model, tmp_path, folder)
    lines = (run_dir / "history.csv").read_text().splitlines(keepends=True)
    (run_dir / "history.csv").write_text("".join(lines[:-1]))
    with pytest.raises(ConfigError, match="run is trained for 1 of 2 epochs: train it to its end"):
        shipping.ship(model, tmp_path, folder)
    assert not folder.exists()


def test_shipping_ends_with_a_sentence(tmp_path):
    command = [sys.executable, "-P", "-m", "icell_tf.export.shipping"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "Error: runs/small-sampler is not a run" in done.stderr
    assert "Traceback" not in done.stderr


def test_scores_made_anew_are_compared_with_the_intervals():
    before = {"r": [0.5, 0.4, 0.6], "accuracy": [0.9, 0.8, 1.0], "other": [0.1]}
    table = shipping.compare("tiny", before, {"r": [0.55], "accuracy": [0.7], "other": [0.2]})
    _, r, accuracy, other = table.splitlines()
    assert r.endswith("0.550 within") and accuracy.endswith("0.700 OUTSIDE") and other.endswith("0.200")

"""The data set: what a build holds, that it is the same every time, and what stops it."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from datasets.integrated_cell import build_report
from datasets.integrated_cell import integrated_cell_dataset_builder as module
from icell_tf import simulate, structures
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import PREPROCESSING_VERSION

FOLDER = pathlib.Path(module.__file__).parent
DUMMY = FOLDER / "dummy_data"
TINY = {
    "name": "tiny",
    "kind": "simulated",
    "image_size": 32,
    "pixel_size": 1.2,
    "cells_per_structure": 4,
    "expected_draws": 2,
}
STACKS = {"name": "stacks", "image_size": 32, "pixel_size": 1.0}


def build(data_dir, config, manual_dir=None, **engine):
    """Builds a config, by name or from its arguments, as `tfds build` does, and reads it back as training does.

    Args: engine: arguments of TFDS' DownloadConfig, for Beam.
    """
    config = config if isinstance(config, str) else module.IntegratedCellConfig(**config)
    builder = module.Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir, **engine))
    return tfds.builder_from_directory(builder.data_dir)


def records(builder, split):
    return list(tfds.as_numpy(builder.as_dataset(split=split)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture
def manual_dir(tmp_path):
    return shutil.copytree(DUMMY, tmp_path / "manual")


def test_configs_of_known_cells_are_registered():
    assert [config.name for config in module.Builder.BUILDER_CONFIGS] == [
        "simulated",
        "simulated_64",
        "paper_2d",
        "hipsc_single_cell",
    ]
    assert module.Builder.name == "integrated_cell"


@pytest.mark.parametrize(
    ("name", "image_size", "pixel_size", "counts"),
    [("simulated_64", 64, 0.6, (2000, 400, 400)), ("simulated", 256, 0.317, None)],
)
def test_registered_configs_hold_the_promised_cells(tmp_path, name, image_size, pixel_size, counts):
    builder = module.Builder(data_dir=tmp_path, config=name)
    assert (builder.builder_config.image_size, builder.builder_config.pixel_size) == (image_size, pixel_size)
    assert builder.info.features["image"].shape == (image_size, image_size, 3)
    cells, problems, _ = builder._list_cells(None)
    divided = builder._divide(cells, range(len(cells)))
    assert not problems
    found = tuple(len(divided[split]) for split in ("train", "validation", "test"))
    if counts:
        assert found == counts
    else:
        total = sum(structure.total for structure in structures.STRUCTURES)
        assert sum(found) == total
        assert found[0] / total == pytest.approx(0.9, abs=0.005)
    assert len({cell.cell_id for cell in cells}) == sum(found)
    assert {i for i, cell in enumerate(cells) if cell.expected_draws} == set(divided["test"])


def test_simulated_records(tiny):
    assert {split: info.num_examples for split, info in tiny.info.splits.items()} == {
        "train": 20,
        "validation": 10,
        "test": 10,
    }
    assert tuple(tiny.info.features["structure"].names) == structures.NAMES
    for split in tiny.info.splits:
        for record in records(tiny, split):
            assert record["image"].shape == (32, 32, 3) and record["image"].dtype == np.uint8
            assert (record["image"].max(axis=(0, 1)) > 80).all()
            assert record["pixel_size"] == np.float32(1.2)
            assert record["cell_id"].decode().startswith(structures.NAMES[record["structure"]])
            if split == "test":
                assert record["expected"].shape == (32, 32, 10) and record["expected"].max() > 80
                assert (record["ceiling"] > 0.2).all() and (record["ceiling"] <= 1).all()
                assert record["noise_free"].shape == (32, 32, 3) and (record["noise_free"].max(axis=(0, 1)) > 80).all()
                assert record["spread"].shape == (10,) and (record["spread"] > 0).all()
            else:
                assert record["expected"].shape == (0, 0, 10)
                assert not record["ceiling"].any()
                assert record["noise_free"].shape == (0, 0, 3)
                assert not record["spread"].any()


def test_records_come_from_the_simulator_whatever_the_number_of_workers(tiny):
    record = records(tiny, "test")[0]
    structure, number = record["cell_id"].decode().rsplit("-", 1)
    again, _ = prepare.prepare_simulated(prepare.SimulatedId(structure, int(number), expected_draws=2), Frame(32, 1.2))
    for name in ("image", "expected", "ceiling", "noise_free", "spread"):
        np.testing.assert_array_equal(record[name], again[name])


def test_metadata_says_what_the_data_was_made_from(tiny):
    metadata = json.loads((pathlib.Path(tiny.data_dir) / "metadata.json").read_text())
    assert metadata == {
        "kind": "simulated",
        "image_size": 32,
        "pixel_size": 1.2,
        "validation_fraction": 0.1,
        "test_fraction": 0.25,
        "alignment": "major_axis",
        "normalization": "maximum",
        "preprocessing_version": PREPROCESSING_VERSION,
        "cells_per_structure": 4,
        "seed": 0,
        "expected_draws": 2,
        "simulator_version": simulate.SIMULATOR_VERSION,
    }
    assert tiny.info.metadata["pixel_size"] == 1.2


def test_same_build_is_reused_and_another_refused(tiny):
    data_dir = pathlib.Path(tiny.data_dir).parents[2]
    written = (pathlib.Path(tiny.data_dir) / "dataset_info.json").stat().st_mtime_ns
    build(data_dir, TINY)
    assert (pathlib.Path(tiny.data_dir) / "dataset_info.json").stat().st_mtime_ns == written
    with pytest.raises(ValueError, match=r"prepared differently:\n  seed: there 0, asked for 1\n.*--overwrite"):
        build(data_dir, TINY | {"seed": 1})


def test_stacks_are_read_split_and_labelled(tmp_path):
    builder = build(tmp_path, STACKS, DUMMY)
    assert builder.info.features["structure"].names == ["fibrillarin", "tom20", "lysosome"]
    assert "expected" not in builder.info.features
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    assert counts == {"train": 3, "validation": 2, "test": 3}
    for split in counts:
        assert {0, 1} <= {record["structure"] for record in records(builder, split)}
    (record,) = [record for split in counts for record in records(builder, split) if record["cell_id"] == b"fbl_0"]
    assert record["fov_id"] == b"fbl-field-0"
    assert record["structure"] == 0


def test_another_manifest_is_refused(tmp_path, manual_dir):
    config = {"name": "mine", "kind": "stacks", "image_size": 32, "pixel_size": 1.0}
    build(tmp_path, config, manual_dir)
    manifest = manual_dir / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("tomm20-field-2", "tomm20-field-1"))
    with pytest.raises(ValueError, match="manifest_sha256: there '"):
        build(tmp_path, config, manual_dir)


def test_an_interrupted_build_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(build_report, "contact_sheet", interrupt)  # the records are written by then
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, STACKS, DUMMY)
    assert not list(tmp_path.glob("integrated_cell/stacks/*"))
    assert sum(info.num_examples for info in build(tmp_path, STACKS, DUMMY).info.splits.values()) == 8


def test_order_of_records_is_the_same_if_tfds_shuffles_by_way_of_files(tmp_path, monkeypatch):
    assert module.shuffle.MAX_MEM_BUFFER_SIZE <= 32 << 20
    whole = build(tmp_path / "whole", STACKS, DUMMY)
    monkeypatch.setattr(module.shuffle, "MAX_MEM_BUFFER_SIZE", 100)
    by_files = build(tmp_path / "by_files", STACKS, DUMMY)
    for split in whole.info.splits:
        assert [r["cell_id"] for r in records(whole, split)] == [r["cell_id"] for r in records(by_files, split)]


def test_report(tmp_path, capsys):
    folder = pathlib.Path(build(tmp_path, STACKS, DUMMY).data_dir)
    text = (folder / build_report.REPORT).read_text()
    assert text in capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["lysosome", "1", "0", "1", "2"] in lines and ["all", "3", "2", "3", "8"] in lines
    assert "Pixel sizes found, µm, y x x: 1 x 1 (8 cells)" in text
    assert [line for line in lines if line[:1] == ["membrane"]] == [
        ["membrane", "96", "99.5", "103", "326", "331.5", "337"]
    ]
    assert (folder / build_report.SET_ASIDE).read_text() == "CellId,file,reason\n"
    sheet = np.asarray(Image.open(folder / build_report.CONTACT_SHEET))
    assert sheet.shape[0] > 3 * 160 and sheet.shape[1] > 3 * 160  # three structures, up to three cells of each
    assert (sheet.max(axis=2) - sheet.min(axis=2) > 100).mean() > 0.05  # colours


def test_splits_without_cells_are_not_written(tmp_path, manual_dir):
    manifest = manual_dir / "manifest.csv"
    header, *rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, *(row for row in rows if row.startswith("lysosome"))]) + "\n")
    assert set(build(tmp_path, STACKS, manual_dir).info.splits) == {"train", "test"}


def test_a_cell_too_large_is_named_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError, match=r"\nfbl_0,.*fbl_0_raw.ome.tif,.*reaches .*larger image_size"):
        build(tmp_path, STACKS | {"pixel_size": 0.5}, DUMMY)
    assert not (tmp_path / "integrated_cell").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "paper"}, "expected one of simulated, stacks"),
        ({"image_size": 100}, "power of two"),
        ({"pixel_size": 0}, "pixel_size"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"seed": 1}, "seed is not for kind stacks, only for simulated"),
        ({"expected_draws": 0}, "expected_draws is not for kind stacks"),
        ({"kind": "paper_2d", "axes": "YX"}, "axes is not for kind paper_2d, only for stacks, hipsc_single_cell"),
        ({"kind": "simulated", "structures": ["tom20"]}, "structures is not for kind simulated, only for stacks, "),
        ({"kind": "simulated", "alignment": "none"}, "alignment is not for kind simulated"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        module.IntegratedCellConfig(**STACKS | changes)


def test_arguments_for_other_kinds_may_stand_at_their_defaults():
    config = module.IntegratedCellConfig(name="x", kind="paper_2d", axes="", seed=0, cells_per_structure=0)
    assert "seed" not in config.arguments() and "structures" in config.arguments()
    assert not module.IntegratedCellConfig(name="x", kind="simulated", structures=[]).structures


TWO_BUILDS = """
import sys
from tensorflow_datasets.scripts.cli.main import launch_cli

manual_dir, data_dir, *configs = sys.argv[1:]
for config in configs:
    sys.argv = ["tfds", "build", f"--data_dir={data_dir}", f"--config={config}", f"--manual_dir={manual_dir}"]
    try:
        launch_cli()
    except SystemExit as end:
        assert not end.code, end.code
    print("built")
"""


def test_command_line(tmp_path):
    """`tfds build` as the README has it, in the data set's folder: a build, and one in the same process that fails."""
    configs = [json.dumps(STACKS | changes) for changes in ({}, {"name": "other", "pixel_size": 0.5})]
    environment = {"PATH": "", "PYTHONPATH": str(FOLDER.parents[1]), "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TWO_BUILDS, DUMMY, tmp_path, *configs]
    done = subprocess.run(list(map(str, command)), cwd=FOLDER, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and done.stdout.count("built\n") == 1, done.stderr
    builder = tfds.builder_from_directory(tmp_path / "integrated_cell" / "stacks" / str(module.Builder.VERSION))
    assert sum(info.num_examples for info in builder.info.splits.values()) == 8
    assert f"\n{(builder.data_path / build_report.REPORT).read_text()}" in done.stdout
    assert "\nlysosome_1,/" in done.stderr and "the frame of 32 px at 0.5 µm/px" in done.stderr
    assert not (tmp_path / "integrated_cell" / "other").exists()

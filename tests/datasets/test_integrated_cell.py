"""The data set: what a build holds, that it is the same every time, and what stops it."""

import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
import tifffile

from datasets.integrated_cell import integrated_cell_dataset_builder as module
from icell_tf import simulate, structures
from icell_tf.data.builder import integrated_cell, report
from icell_tf.data.records import FILES, FINGERPRINT, file_digests
from icell_tf.imaging import prepare
from icell_tf.imaging.frame.frame import Frame
from icell_tf.messages import DATA_SET_README
from icell_tf.spec import PREPROCESSING_VERSION, CellSpec
from tests.building import DUMMY, FOLDER, STACKS, TINY_3D, build, build_tiny_3d, records

TINY = {"name": "tiny", "kind": "simulated", "image_size": 32, "pixel_size": 1.2}
TINY |= {"cells_per_structure": 4, "expected_draws": 2}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture
def manual_dir(tmp_path):
    return shutil.copytree(DUMMY, tmp_path / "manual")


def test_configs_of_known_cells_are_registered():
    names = ["simulated", "simulated_64", "simulated_3d", "simulated_demo", "paper_2d", "hipsc_single_cell"]
    assert [config.name for config in module.Builder.BUILDER_CONFIGS] == names
    assert module.Builder.name == "integrated_cell"


def test_simulated_records(tiny):
    counts = {split: info.num_examples for split, info in tiny.info.splits.items()}
    assert counts == {"train": 20, "validation": 10, "test": 10}
    assert tuple(tiny.info.features["structure"].names) == structures.NAMES
    for split in tiny.info.splits:
        for record in records(tiny, split):
            assert record["image"].shape == (32, 32, 3) and record["image"].dtype == np.uint8
            assert (record["image"].max(axis=(0, 1)) > 80).all()
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


def test_volumes_of_simulated_cells(tmp_path):
    builder = build(tmp_path, TINY_3D | {"observations": 2})
    spec = CellSpec.from_dict(builder.info.metadata["spec"])
    assert (spec.axes, spec.shape, spec.pixel_size) == ("ZYX", (8, 16, 16), (2.0, 2.5, 2.5))
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 20,
        "validation": 10,
        "test": 10,
    }
    for split in builder.info.splits:
        pixels = spec.shape if split == "test" else (0, 0, 0)
        for record in records(builder, split):
            assert record["image"].shape == spec.image_shape and record["image"].dtype == np.uint8
            assert (record["image"].max(axis=(0, 1, 2)) > 60).all()
            assert record["expected"].shape == (*pixels, 10) and record["noise_free"].shape == (*pixels, 3)
            assert record["observations"].shape == (2 * (split == "test"), *spec.shape, 10)
    structure, number = record["cell_id"].decode().rsplit("-", 1)
    cell = prepare.SimulatedId(structure, int(number), expected_draws=2, observations=2)
    again, _ = prepare.prepare_simulated(cell, Frame(spec.shape, spec.pixel_size))
    for name in ("image", "expected", "ceiling", "noise_free", "spread", "observations"):
        np.testing.assert_array_equal(record[name], again[name])


def test_two_builds_of_volumes_hold_the_same(tmp_path):
    first, second = (build_tiny_3d(tmp_path / name) for name in ("first", "second"))
    assert first.info.metadata[FINGERPRINT] == second.info.metadata[FINGERPRINT]
    for split in first.info.splits:
        for one, other in zip(records(first, split), records(second, split), strict=True):
            assert one.keys() == other.keys()
            for name, value in one.items():
                np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("kind", ["stacks", "hipsc_single_cell"])
def test_volumes_of_stacks(tmp_path, manual_dir, kind):
    config = STACKS | {"kind": kind, "image_size": [8, 32, 32], "pixel_size": [1.0, 1.0, 1.0]}
    builder = build(tmp_path / "data", config, manual_dir)
    spec = CellSpec.from_dict(builder.info.metadata["spec"])
    assert spec.structures == ("fibrillarin", "tom20", "lysosome")
    found = [record for split in builder.info.splits for record in records(builder, split)]
    assert len(found) == 8 and {record["image"].shape for record in found} == {spec.image_shape}
    planes = {r["cell_id"]: spec.plane(r["image"]) for r in found}
    pictures = build(tmp_path / "pictures", STACKS, manual_dir)
    for record in (record for split in pictures.info.splits for record in records(pictures, split)):
        assert np.corrcoef(planes[record["cell_id"]].ravel(), record["image"].ravel())[0, 1] > 0.95
    with pytest.raises(report.BadCells, match="along z, .* the frame of 4 x 32 x 32 px at 0.5 x 1 x 1 µm/px"):
        build(tmp_path, config | {"name": "low", "image_size": [4, 32, 32], "pixel_size": [0.5, 1.0, 1.0]}, manual_dir)


@pytest.mark.parametrize("given", ["tfrecord", tfds.core.FileFormat.PARQUET])
def test_records_are_array_records_only(tiny, tmp_path, given):
    assert tiny.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    files = sorted(path.name for path in tiny.data_path.glob("integrated_cell-*"))
    assert files == [
        f"integrated_cell-{split}.array_record-00000-of-00001" for split in ("test", "train", "validation")
    ]
    config = module.IntegratedCellConfig(**TINY)
    with pytest.raises(ValueError, match="array_record only.* leave --file_format out"):
        module.Builder(data_dir=tmp_path, config=config, file_format=given)
    with pytest.raises(ValueError, match="array_record only.* leave --file_format out"):
        module.Builder(data_dir=tmp_path, config=config).download_and_prepare(file_format=given)
    assert module.Builder(data_dir=tmp_path, config=config, file_format="array_record").info.file_format.value


def test_a_bucket_is_refused_before_anything_is_examined():
    with pytest.raises(ValueError, match="--data_dir is gs://bucket/data, where array_record files can't be written"):
        module.Builder(data_dir="gs://bucket/data", config="simulated_64")


def test_a_part_of_a_simulated_data_set_has_all_structures(tmp_path):
    builder = build(tmp_path, TINY, max_examples_per_split=1)
    assert builder.info.features["structure"].names == list(structures.NAMES)
    assert CellSpec.from_dict(builder.info.metadata["spec"]).structures == structures.NAMES


def test_records_come_from_the_simulator_whatever_the_number_of_workers(tiny):
    record = records(tiny, "test")[0]
    structure, number = record["cell_id"].decode().rsplit("-", 1)
    cell = prepare.SimulatedId(structure, int(number), expected_draws=2)
    again, _ = prepare.prepare_simulated(cell, Frame((32, 32), (1.2, 1.2)))
    for name in ("image", "expected", "ceiling", "noise_free", "spread"):
        np.testing.assert_array_equal(record[name], again[name])


def test_metadata_says_what_the_data_was_made_from(tiny):
    metadata = json.loads((pathlib.Path(tiny.data_dir) / "metadata.json").read_text())
    expected = TINY | {"validation_fraction": 0.1, "test_fraction": 0.25, "seed": 0, "observations": 0}
    expected |= {"alignment": "major_axis", "normalization": "maximum"}
    expected |= {"preprocessing_version": PREPROCESSING_VERSION, "simulator_version": simulate.SIMULATOR_VERSION}
    expected |= {"spec": module.IntegratedCellConfig(**TINY).spec().to_dict()}
    assert re.fullmatch("[0-9a-f]{64}", metadata.pop(FINGERPRINT))
    assert metadata.pop(FILES) == file_digests(tiny.data_path.glob("integrated_cell-*"))
    assert metadata == {name: value for name, value in expected.items() if name != "name"}
    assert tiny.info.metadata["pixel_size"] == 1.2


def test_same_build_is_reused_and_another_refused(tiny):
    data_dir = pathlib.Path(tiny.data_dir).parents[2]
    written = (pathlib.Path(tiny.data_dir) / "dataset_info.json").stat().st_mtime_ns
    build(data_dir, TINY)
    assert (pathlib.Path(tiny.data_dir) / "dataset_info.json").stat().st_mtime_ns == written
    build(data_dir, TINY | {"image_size": [32, 32]})  # the same, in other words
    with pytest.raises(ValueError, match=r"differently:\n  seed: .*0, .*1\n.*--overwrite"):
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
    build(tmp_path, STACKS, manual_dir)
    manifest = manual_dir / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("tomm20-field-2", "tomm20-field-1"))
    with pytest.raises(ValueError, match="manifest_sha256: it has '"):
        build(tmp_path, STACKS, manual_dir)


def test_a_fingerprint_is_that_of_the_cells_wherever_they_are_built(tmp_path, manual_dir):
    raw = manual_dir / "fbl_1_raw.ome.tif"
    stack, sizes = tifffile.imread(raw), {f"PhysicalSize{axis}": 1.0 for axis in "XYZ"}
    metadata = []
    for name in "abc":
        if name == "c":
            stack[2, :, ::2] //= 2
            tifffile.imwrite(raw, stack, ome=True, metadata={"axes": "CZYX", **sizes})
        metadata.append(build(tmp_path / name, STACKS, manual_dir).info.metadata)
    assert len({of_one["manifest_sha256"] for of_one in metadata}) == 1
    first, again, other = (of_one[FINGERPRINT] for of_one in metadata)
    assert first == again != other


def test_a_data_set_that_lost_a_file_or_got_another_is_not_reused(tmp_path):
    folder = pathlib.Path(build(tmp_path / "data", STACKS, DUMMY).data_dir)
    train, test = (next(folder.glob(f"*-{split}.*")) for split in ("train", "test"))
    whole = train.read_bytes()
    train.write_bytes(test.read_bytes())
    with pytest.raises(ValueError, match=f"{train} is not the file that was prepared there"):
        build(tmp_path / "data", STACKS, DUMMY)
    train.unlink()
    with pytest.raises(ValueError, match=f"{folder} is not complete .*{train}.*--overwrite"):
        build(tmp_path / "data", STACKS, DUMMY)
    train.write_bytes(whole)
    build(tmp_path / "data", STACKS, DUMMY)


def test_a_manual_dir_without_files_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        message = rf"^--manual_dir: Manual directory {folder} does not exist or is empty\. .* put manifest.csv, .*"
        with pytest.raises(ValueError, match=message + re.escape(DATA_SET_README)):
            build(tmp_path / "data", STACKS, folder)


def test_an_interrupted_build_leaves_nothing_that_looks_complete(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(report, "contact_sheet", interrupt)  # the records are written by then
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, STACKS, DUMMY)
    assert not list(tmp_path.glob("integrated_cell/stacks/*"))
    assert sum(info.num_examples for info in build(tmp_path, STACKS, DUMMY).info.splits.values()) == 8


def test_order_of_records_is_the_same_if_tfds_shuffles_through_files(tmp_path, monkeypatch):
    assert integrated_cell.shuffle.MAX_MEM_BUFFER_SIZE <= 32 << 20
    whole = build(tmp_path / "whole", STACKS, DUMMY)
    monkeypatch.setattr(integrated_cell.shuffle, "MAX_MEM_BUFFER_SIZE", 100)
    by_files = build(tmp_path / "by_files", STACKS, DUMMY)
    for split in whole.info.splits:
        assert [r["cell_id"] for r in records(whole, split)] == [r["cell_id"] for r in records(by_files, split)]


def test_splits_without_cells_are_not_written(tmp_path, manual_dir):
    manifest = manual_dir / "manifest.csv"
    header, *rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, *(row for row in rows if row.startswith("lysosome"))]) + "\n")
    assert set(build(tmp_path, STACKS, manual_dir).info.splits) == {"train", "test"}


TWO_BUILDS = """
import sys
from tensorflow_datasets.scripts.cli.main import launch_cli

manual_dir, data_dir, *configs = sys.argv[1:]
for config in configs:
    sys.argv = ["tfds", "build", f"--data_dir={data_dir}", f"--config={config}", f"--manual_dir={manual_dir}"]
    try:
        launch_cli()
    except SystemExit as end:
        if end.code:
            raise
    print("built")
"""


def test_command_line(tmp_path):
    """`tfds build` as the README has it, in the data set's folder: a build, and one in the same process that fails."""
    changes = {}, {"name": "volumes", "image_size": [8, 32, 32]}, {"name": "other", "pixel_size": 0.5}
    configs = [json.dumps(STACKS | change) for change in changes]
    environment = {"PATH": "", "PYTHONPATH": str(FOLDER.parents[1]), "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TWO_BUILDS, DUMMY, tmp_path, *configs]
    done = subprocess.run(list(map(str, command)), cwd=FOLDER, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and done.stdout.count("built\n") == 2, done.stderr
    builder = tfds.builder_from_directory(tmp_path / "integrated_cell" / "stacks" / str(module.Builder.VERSION))
    assert sum(info.num_examples for info in builder.info.splits.values()) == 8
    assert list(builder.data_path.glob("*-train.array_record-*"))
    assert f"\n{(builder.data_path / report.REPORT).read_text()}" in done.stdout
    assert "Traceback" not in done.stderr and "Error: 8 cells can't be used" in done.stderr
    assert "CellId lysosome_1, /" in done.stderr and "the frame of 32 x 32 px at 0.5 µm/px" in done.stderr
    assert not (tmp_path / "integrated_cell" / "other").exists()


def test_a_disk_that_is_full_ends_a_build_with_a_sentence_and_nothing_is_left(tmp_path, manual_dir, monkeypatch):
    def write_report(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(integrated_cell, "write_report", write_report)
    monkeypatch.setattr("sys.argv", ["tfds"])
    with pytest.raises(SystemExit, match=r"^Error: .* can't be written .*No space left.*Free space there"):
        build(tmp_path, STACKS, manual_dir)
    assert not list(tmp_path.glob("integrated_cell/stacks/*"))

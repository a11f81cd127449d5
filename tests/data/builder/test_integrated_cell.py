"""The builder that the package holds, and what TFDS finds of it."""

import errno
import pathlib
import shutil

import pytest
import tensorflow_datasets as tfds

from icell_tf.data.builder import examination, integrated_cell
from icell_tf.data.builder.integrated_cell import IntegratedCellBuilder, build
from icell_tf.messages import DATA_SET_README
from tests.building import DUMMY, FOLDER, module, records

STACKS = '{"name": "stacks", "image_size": 32, "pixel_size": 1.0}'


def test_only_the_subclass_in_the_data_sets_folder_is_registered():
    assert tfds.builder_cls("integrated_cell") is module.Builder
    assert issubclass(module.Builder, IntegratedCellBuilder)
    assert module.Builder.name == IntegratedCellBuilder.name == "integrated_cell"
    assert tfds.core.community.builder_cls_from_module(module.__name__) is module.Builder


def test_the_package_describes_it_as_the_data_sets_folder_does():
    metadata = IntegratedCellBuilder.get_metadata()
    assert metadata == module.Builder.get_metadata()
    assert metadata.description == (FOLDER / "README.md").read_text(encoding="utf-8")
    assert metadata.description == pathlib.Path(DATA_SET_README).read_text(encoding="utf-8")
    assert metadata.citation == (FOLDER / "CITATIONS.bib").read_text(encoding="utf-8")
    assert "content.subject.biology" in metadata.tags


def test_a_data_set_is_built_once_unless_it_is_to_be_overwritten(tmp_path):
    folder = build(STACKS, tmp_path, DUMMY)
    (folder / "mark").touch()
    assert build(STACKS, tmp_path, DUMMY) == folder and (folder / "mark").exists()
    assert build(STACKS, tmp_path, DUMMY, overwrite=True) == folder and not (folder / "mark").exists()
    assert build(STACKS, tmp_path, DUMMY) == folder  # which compares it with what it would build
    pathlib.Path(folder).rename(folder.with_name(f"replaced.{folder.name}"))  # as a kill may leave it
    assert build(STACKS, tmp_path, DUMMY, overwrite=True) == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.fixture
def fewer_structures(tmp_path):
    """The folder of a manifest without lysosomes."""
    folder = shutil.copytree(DUMMY, tmp_path / "fewer")
    rows = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    (folder / "manifest.csv").write_text("".join(row for row in rows if not row.startswith("lysosome")))
    return folder


def test_a_data_set_of_other_classes_replaces_the_old_one(tmp_path, fewer_structures):
    folder = build(STACKS, tmp_path / "data", DUMMY)
    assert build(STACKS, tmp_path / "data", fewer_structures, overwrite=True) == folder
    builder = tfds.builder_from_directory(folder)
    assert builder.info.features["structure"].names == ["fibrillarin", "tom20"]
    found = [r["cell_id"] for split in builder.info.splits for r in records(builder, split)]
    assert len(found) == 6 and not any(cell.startswith(b"lysosome") for cell in found)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert build(STACKS, tmp_path / "data", fewer_structures) == folder


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ((examination, "examine"), ValueError("bad cells"), "^bad cells$"),
        ((integrated_cell, "write_report"), KeyboardInterrupt("key"), "^key$"),  # the records are written by then
        ((integrated_cell, "write_report"), OSError(errno.ENOSPC, "full"), "full.*Free space.*is as it was"),
    ],
)
def test_a_failed_build_leaves_the_data_set_that_it_was_to_replace(
    tmp_path, fewer_structures, monkeypatch, place, error, message
):
    def fail(*_):
        raise error

    folder = build(STACKS, tmp_path / "data", DUMMY)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patches:
        patches.setattr(*place, fail)
        with pytest.raises((ValueError, KeyboardInterrupt), match=message):
            build(STACKS, tmp_path / "data", fewer_structures, overwrite=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert build(STACKS, tmp_path / "data", DUMMY) == folder

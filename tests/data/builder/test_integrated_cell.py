"""The builder that the package holds, and what TFDS finds of it."""

import tensorflow_datasets as tfds

from icell_tf.data.builder.integrated_cell import IntegratedCellBuilder, build
from tests.building import DUMMY, FOLDER, module

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
    assert metadata.citation == (FOLDER / "CITATIONS.bib").read_text(encoding="utf-8")
    assert "content.subject.biology" in metadata.tags


def test_a_data_set_is_built_once_unless_it_is_to_be_overwritten(tmp_path):
    folder = build(STACKS, tmp_path, DUMMY)
    (folder / "mark").touch()
    assert build(STACKS, tmp_path, DUMMY) == folder and (folder / "mark").exists()
    assert build(STACKS, tmp_path, DUMMY, overwrite=True) == folder and not (folder / "mark").exists()

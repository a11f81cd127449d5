"""The data set's configs build each collection from a miniature of it."""

import collections
import pathlib

import pytest

from icell_tf.data.builder import report, sources
from icell_tf.data.builder.config import IntegratedCellConfig
from tests.building import build, records


def test_the_papers_collection(tmp_path, paper_folder):
    builder = build(tmp_path / "data", "paper_2d", paper_folder)
    assert builder.info.features["structure"].names == ["beta-actin", "lamin-b1", "tom20"]
    found = [record for split in builder.info.splits for record in records(builder, split)]
    assert len(found) == 6 and {record["image"].shape for record in found} == {(256, 256, 3)}
    assert builder.info.metadata["spec"]["pixel_size"] == [0.317, 0.317]
    with pytest.raises(ValueError, match="pictures_sha256: it has '"):
        next(paper_folder.rglob("*.png")).unlink()
        build(tmp_path / "data", "paper_2d", paper_folder)


def test_the_hipsc_dataset_in_part(tmp_path, hipsc_folder):
    folder, rows = hipsc_folder
    (folder / rows[2]["crop_raw"]).unlink()
    (folder / rows[2]["crop_seg"]).unlink()
    builder = build(tmp_path / "data", "hipsc_single_cell", folder)
    assert builder.info.features["structure"].names == ["beta-actin", "lamin-b1"]
    fields = collections.Counter(r["fov_id"] for split in builder.info.splits for r in records(builder, split))
    assert fields == {b"7000": 2}
    assert "\n230002," in (pathlib.Path(builder.data_dir) / report.SET_ASIDE).read_text()


def test_axes_of_the_hipsc_dataset_may_be_given(hipsc_folder):
    config = IntegratedCellConfig(name="x", kind="hipsc_single_cell", axes="ZCYX")
    cells, _, _ = sources.list_cells(config, hipsc_folder[0])
    assert {cell.axes for cell in cells} == {"ZCYX"} and config.arguments()["axes"] == "ZCYX"

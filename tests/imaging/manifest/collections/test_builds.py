"""The data set's configs build each collection from a miniature of it."""

import collections
import pathlib

import numpy as np
import pytest
import tifffile

from icell_tf.data.builder import report, sources
from icell_tf.data.builder.config import IntegratedCellConfig
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from tests.building import build, records

VOLUMES = {"kind": "hipsc_single_cell", "image_size": [16, 32, 32], "pixel_size": [1.0, 1.2, 1.2]}


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


@pytest.mark.parametrize("axes", ["", "ZCYX"])
def test_the_hipsc_dataset_in_3d(tmp_path, hipsc_folder, simulated, axes):
    """Volumes of all cells, as the stacks themselves give them; also where the crops call their planes time points."""
    folder, rows = hipsc_folder
    if axes:
        for path in (folder / row[column] for row in rows for column in ("crop_raw", "crop_seg")):
            tifffile.imwrite(path, tifffile.imread(path), ome=True, metadata={"axes": "TCYX"})
    builder = build(tmp_path / "data", VOLUMES | {"name": "volumes", "axes": axes}, folder)
    assert builder.info.metadata["spec"]["axes"] == "ZYX"
    found = {r["cell_id"].decode(): r["image"] for split in builder.info.splits for r in records(builder, split)}
    frame = Frame(VOLUMES["image_size"], VOLUMES["pixel_size"])
    for row, cell in zip(rows, simulated.values(), strict=True):
        expected = preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, frame).image
        np.testing.assert_array_equal(found[str(row["CellId"])], expected)
    if axes:
        with pytest.raises(report.BadCells, match=r"time points \(axis T of TCYX.*if planes, ZCYX"):
            build(tmp_path / "others", VOLUMES | {"name": "volumes"}, folder)

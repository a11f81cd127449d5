"""The same builder on Apache Beam: the same data set, and the same refusals."""

import shutil
import sys

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability import prism_runner

from icell_tf.data.builder import report
from tests.building import DUMMY, STACKS, build, records

CONFIG = STACKS | {"on_bad_cell": "skip"}


@pytest.fixture(autouse=True)
def no_prism(monkeypatch):
    """Keeps Beam's DirectRunner from asking the network for Prism, to which it would leave the pipeline."""

    def absent(*_):
        raise RuntimeError("Prism isn't used here")

    monkeypatch.setattr(prism_runner.PrismRunner, "run_pipeline", absent)


@pytest.fixture
def manual_dir(tmp_path):
    """The dummy stacks, one of them truncated."""
    folder = shutil.copytree(DUMMY, tmp_path / "manual")
    raw = folder / "fbl_1_raw.ome.tif"
    raw.write_bytes(raw.read_bytes()[:2000])
    return folder


def test_beam_builds_what_worker_processes_build(tmp_path, manual_dir):
    local = build(tmp_path / "local", CONFIG, manual_dir)
    distributed = build(tmp_path / "beam", CONFIG, manual_dir, beam_options=beam.pipeline.PipelineOptions())
    assert local.info.splits.keys() == distributed.info.splits.keys()
    for split in local.info.splits:
        assert list(distributed.data_path.glob(f"*-{split}.array_record-*"))
        for expected, found in zip(records(local, split), records(distributed, split), strict=True):
            assert expected.keys() == found.keys()
            for name, value in expected.items():
                np.testing.assert_array_equal(value, found[name])
    for name in (report.REPORT, report.SET_ASIDE, report.CONTACT_SHEET):
        assert (local.data_path / name).read_bytes() == (distributed.data_path / name).read_bytes()
    assert "\nfbl_1," in (distributed.data_path / report.SET_ASIDE).read_text()
    assert not list((tmp_path / "beam").glob("incomplete*"))


def test_beam_names_bad_cells_and_writes_nothing(tmp_path, manual_dir):
    with pytest.raises(report.BadCells, match=r"\n  CellId fbl_1, .*fbl_1_raw.ome.tif: .*read as a TIFF"):
        build(tmp_path / "beam", STACKS, manual_dir, beam_runner="DirectRunner")
    assert not (tmp_path / "beam" / "integrated_cell").exists()


def test_without_beam_it_is_said_what_to_install(tmp_path, manual_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ImportError, match=r"need Apache Beam .*: pip install 'icell_tf\[build\]'"):
        build(tmp_path / "beam", CONFIG, manual_dir, beam_runner="DirectRunner")

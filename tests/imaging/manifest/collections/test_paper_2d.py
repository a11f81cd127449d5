"""The authors' collection in miniature: folders or archive, names and fields, masks from the pictures, bad pictures."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.manifest.cells import BadCell, NotSelected
from icell_tf.imaging.manifest.collections import paper_2d
from icell_tf.imaging.prepare import prepare_cell

FRAME = Frame((64, 64), (0.6, 0.6))


@pytest.fixture
def archive(paper_folder, tmp_path):
    """ic2D.tar in a folder of its own."""
    (tmp_path / "manual").mkdir()
    with tarfile.open(tmp_path / "manual" / "ic2D.tar", "w") as tar:
        tar.add(paper_folder, "ic2D")
    return tmp_path / "manual"


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_cells_look_as_those_they_were_made_from(paper_folder, simulated):
    cells, problems = paper_2d.list_cells(paper_folder)
    assert not problems and len(cells) == 6
    assert cells[0].cell_id == "beta-actin/AICS-11_42_1"
    assert cells[0].fov_id == cells[1].fov_id == "beta-actin/AICS-11_42"
    for cell in cells[::2]:
        record, findings = prepare_cell(cell, FRAME)
        source = simulated[cell.structure]
        expected = preprocess(source.channels, source.cell_mask, source.nucleus_mask, source.scale, FRAME).image
        assert record["image"].shape == (64, 64, 3) and findings.scale[1:] == (0.108, 0.108)
        assert min(correlation(record["image"][..., c], expected[..., c]) for c in range(3)) > 0.97


def test_masks_are_those_of_the_stack(paper_folder, simulated):
    cell = paper_2d.list_cells(paper_folder)[0][0]
    source, loaded = simulated[cell.structure], cell.load()
    for found, solid in ((loaded.cell_mask, source.cell_mask), (loaded.nucleus_mask, source.nucleus_mask)):
        area = np.count_nonzero(solid.any(axis=0)) * source.scale[1] * source.scale[2]
        assert found.shape == (1, 300, 300)
        assert np.count_nonzero(found) * 0.108**2 == pytest.approx(area, rel=0.15)


def test_an_archive_is_read_where_it_lies(archive, paper_folder):
    from_folder, _ = paper_2d.list_cells(paper_folder)
    cells, problems = paper_2d.list_cells(archive)
    assert not problems and [cell.cell_id for cell in cells] == [cell.cell_id for cell in from_folder]
    for cell, same in zip(cells, from_folder, strict=True):
        np.testing.assert_array_equal(cell.load().channels, same.load().channels)
    assert [path.name for path in archive.iterdir()] == ["ic2D.tar"]
    assert cells[0].source.endswith("ic2D.tar: ic2D/Beta actin/AICS-11_42_1.png")


def test_links_and_cut_archives_are_reported(archive):
    with tarfile.open(archive / "ic2D.tar", "a") as tar:
        link = tarfile.TarInfo("ic2D/Tom20/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    cells, (problem,) = paper_2d.list_cells(archive)
    assert len(cells) == 6 and problem.cell_id == "link" and "link or a special file" in problem.reason
    data = (archive / "ic2D.tar").read_bytes()
    (archive / "ic2D.tar").write_bytes(data[: cells[-1].offset + 100])
    cells, problems = paper_2d.list_cells(archive)
    assert len(cells) == 5 and "ends within it" in problems[0].reason and "cut short" in problems[-1].reason
    (archive / "ic2D.tar").unlink()
    (archive / "ic2D.tar.gz").write_bytes(b"\x1f\x8b" + bytes(1000))
    with pytest.raises(ValueError, match="ic2D.tar.gz: .*uncompressed"):
        paper_2d.list_cells(archive)


def test_names_below_and_above_the_structures_folder(paper_folder):
    (paper_folder / "Lamin B1").rename(paper_folder / "LMNB1")
    (paper_folder / "Tom20" / "plate7").mkdir()
    (paper_folder / "Tom20" / "AICS-11_42_2.png").rename(paper_folder / "Tom20" / "plate7" / "f3_cell12.PNG")
    (paper_folder / "Beta actin").rename(paper_folder / "Golgi ")
    (paper_folder / "Golgi " / "._AICS-11_42_1.png").write_bytes(b"not a picture")
    cells, problems = paper_2d.list_cells(paper_folder)
    assert not problems and {cell.structure for cell in cells} == {"Golgi", "lamin-b1", "tom20"}
    assert cells[-1].cell_id == "tom20/plate7/f3_cell12" and cells[-1].fov_id == "tom20/plate7/f3"


def test_bad_pictures_are_named(paper_folder):
    (paper_folder / "loose.png").write_bytes((paper_folder / "Tom20" / "AICS-11_42_1.png").read_bytes())
    (paper_folder / "ACTB").mkdir()
    (paper_folder / "Beta actin" / "AICS-11_42_2.png").rename(paper_folder / "ACTB" / "AICS-11_42_1.png")
    (paper_folder / "Lamin B11").mkdir()
    (paper_folder / "Lamin B1" / "AICS-11_42_2.png").rename(paper_folder / "Lamin B11" / "AICS-11_42_2.png")
    cells, problems = paper_2d.list_cells(paper_folder)
    reasons = {problem.source.removeprefix(f"{paper_folder}/"): problem.reason for problem in problems}
    assert len(cells) == 3 and len(problems) == 4
    assert "no folder" in reasons["loose.png"]
    assert "2 pictures of this name" in reasons["ACTB/AICS-11_42_1.png"] == reasons["Beta actin/AICS-11_42_1.png"]
    reason = reasons["Lamin B11/AICS-11_42_2.png"]
    assert "'Lamin B11' (1 cell)" in reason and "by 1 letter from 'Lamin B1'" in reason


def test_only_the_selected_structures(paper_folder):
    (paper_folder / "Tom20").rename(paper_folder / "Tom22")
    cells, problems = paper_2d.list_cells(paper_folder, structures=("ACTB",))
    assert {cell.structure for cell in cells} == {"beta-actin"}
    found = [(type(problem), problem.cell_id[:5]) for problem in problems[::2]]
    assert found == [(NotSelected, "lamin"), (BadCell, "Tom22")]


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"\x89PNG\r\n\x1a\n", "can't be read as a PNG"),
        (np.full((20, 20), 7, np.uint8), ".*RGB.*mode L"),
        (np.zeros((20, 20, 3), np.uint8), "the cell .*black"),
        (np.full((20, 20, 3), 7, np.uint8), "the cell .*red is the same"),
    ],
)
def test_bad_pictures_say_why(tmp_path, picture, message):
    if not isinstance(picture, bytes):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        picture = file.getvalue()
    (tmp_path / "ZO1").mkdir()
    (tmp_path / "ZO1" / "1.png").write_bytes(picture)
    ((cell,), _) = paper_2d.list_cells(tmp_path)
    with pytest.raises(ValueError, match=f"CellId zo1/1, .*1.png: {message}"):
        prepare_cell(cell, FRAME)


def test_a_picture_that_was_not_masked_is_thresholded():
    picture = np.full((40, 40, 3), 9, np.uint8)
    picture[10:30, 8:32, 0] = 100
    picture[14:24, 12:22, 2] = 80
    cell = paper_2d.find_cell(picture)
    assert cell.sum() == 20 * 24 and paper_2d.find_nucleus(picture[..., 2], cell).sum() == 100


def test_a_cell_whose_membrane_is_a_broken_ring_is_whole():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[[8, 31], 8:32, 0] = picture[8:32, [8], 0] = 100  # open on the right
    picture[12:22, 12:22, 2] = 80
    picture[9:31, 9:31, 1] = 1
    cell = paper_2d.find_cell(picture)
    assert cell[8:31, 9:31].all() and not cell[:, 33:].any()
    np.testing.assert_array_equal(paper_2d.find_nucleus(picture[..., 2], cell), picture[..., 2] > 0)


def test_empty_folders_say_what_to_put_there(tmp_path):
    with pytest.raises(ValueError, match="no PNG and 0 archives"):
        paper_2d.list_cells(tmp_path)
    with pytest.raises(ValueError, match="none: .*no such folder.*ic2D.tar"):
        paper_2d.list_cells(tmp_path / "none")


def test_names_that_can_t_be_listed_are_bad_and_paths_that_lead_up_are_not_lost(paper_folder, tmp_path):
    (picture, *_) = sorted(paper_folder.rglob("*.png"))
    folder = tmp_path / "archive"
    folder.mkdir()
    with tarfile.open(folder / "ic2D.tar", "w") as tar:
        for name in ("Tom20/a.png", "../Tom20/b.png", "Tom\n20/c.png"):
            tar.add(picture, name)
    cells, problems = paper_2d.list_cells(folder)
    assert [cell.cell_id for cell in cells] == ["tom20/a", "tom20/b"]
    assert [problem.reason for problem in problems] == ["its name, or its folder's, is not printable"]

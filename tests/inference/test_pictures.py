"""Pictures of planes and of volumes: what they show, and where."""

import types

import numpy as np
import pytest
from PIL import Image

from icell_tf import structures
from icell_tf.inference import pictures
from icell_tf.inference.inputs import InputCell
from icell_tf.inference.stacks import Prediction, Settings
from icell_tf.spec import CellSpec
from icell_tf.viz import figures, panels, volumes

NAMES = ("tom20", "zo1")
SPEC = CellSpec("ZYX", (8, 32, 32), (2.0, 0.5, 0.5), NAMES)
MODEL = types.SimpleNamespace(spec=SPEC, structures=NAMES)


@pytest.fixture
def predicted():
    """A cell from plane 2 to 5; tom20 lies in plane 4, the middle, zo1 in plane 2."""
    image, typical = np.zeros((*SPEC.shape, 2), np.uint8), np.zeros((*SPEC.shape, 2), np.float32)
    image[2:6, 8:24, 4:28, 0] = image[3:5, 12:20, 12:20, 1] = 255
    typical[4, 10:14, 8:16, 0] = typical[2, 18:22, 8:16, 1] = 0.5
    return Prediction(InputCell("a", "a.tif", image), typical)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_structures_are_shown_by_projections_and_in_slices(predicted, tmp_path):
    window = pictures.window_of(SPEC, predicted.cell.image / 255)
    assert window == {"Z": slice(1, 7), "Y": slice(6, 26), "X": slice(1, 31)}
    for write, look in ((pictures.write_structures, volumes.projections), (pictures.write_slices, volumes.slices)):
        write(tmp_path / "a.png", predicted, MODEL, Settings())
        cell, structures = (
            pictures.arranged(SPEC, image, look, window) for image in (predicted.cell.image / 255, predicted.typical)
        )
        depth = 6 * 4  # planes four times as thick as pixels are wide
        assert cell.shape == (20 + volumes.GAP + depth, 30 + volumes.GAP + depth, 2)
        expected = panels.enlarge(figures.overlay(np.dstack([cell, structures[..., 1]]), contrast="percentile"), 120)
        height, width, _ = expected.shape
        found = read(tmp_path / "a.png")
        top = panels.FONT_SIZE + 8 + panels.GAP
        np.testing.assert_array_equal(found[top : top + height, -width - panels.GAP : -panels.GAP], expected)
    assert structures[:20, :30, 0].any() and not structures[:20, :30, 1].any()  # zo1 is not in the middle plane


def test_a_film_goes_through_z(predicted, tmp_path):
    colors = np.array(structures.colors(NAMES))
    pictures.write_film(tmp_path / "a.gif", predicted, MODEL, Settings())
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 2 * 6 - 2  # the cell's planes and one more on each side, there and back
        bright = []
        for frame in range(6):
            film.seek(frame)
            cell = np.asarray(film.convert("RGB"))[30:-60, :500].astype(int)  # without its label and scale bar
            bright.append([np.abs(cell - np.rint(255 * color)).max(axis=-1).min() for color in colors])
    close = np.array(bright) < 12
    assert close[:, 0].tolist() == [False, False, False, True, False, False]  # tom20, in plane 4 - 1
    assert close[:, 1].tolist() == [False, True, False, False, False, False]  # zo1, in plane 2 - 1


def test_composites_and_samples_of_volumes_have_both_looks(predicted, tmp_path):
    pictures.write_composite(tmp_path / "a.png", predicted, MODEL, Settings())
    height, width, _ = read(tmp_path / "a.png").shape
    assert height >= pictures.VOLUME_PIXELS and width > 2 * pictures.VOLUME_PIXELS
    x_rs = np.concatenate([predicted.cell.image / 255, predicted.typical[..., :1]], axis=-1).astype(np.float32)
    sizes = []
    for count in (2, 8, 9):
        pictures.write_samples(tmp_path / "b.png", np.stack([x_rs] * count), "tom20", SPEC)
        sizes.append(read(tmp_path / "b.png").shape)
    assert sizes[0][0] == sizes[1][0] < sizes[2][0] and sizes[0][1] < sizes[1][1] == sizes[2][1]
    pictures.write_samples_film(tmp_path / "b.gif", np.stack([x_rs] * 9), "tom20", SPEC)
    with Image.open(tmp_path / "b.gif") as film:
        assert film.n_frames == 10


def test_planes_are_called_by_their_distance_from_the_middle():
    assert pictures._positions(SPEC, {"Z": slice(2, 6)}) == ["z = -3.0 µm", "z = -1.0 µm", "z = +1.0 µm", "z = +3.0 µm"]

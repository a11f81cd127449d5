import numpy as np
import pytest

from icell_tf.evaluation import neighbours as module
from icell_tf.evaluation.neighbours import MEAN_OF, Neighbours
from icell_tf.spec import CellSpec
from tests.short_evaluation import coded_cells

SIZE = 64  # twice the search's, so that images are averaged down
NAMES = ("tom20", "zo1", "lysosome")
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)
ALL = slice(None)


def centre(x_r):
    """Returns where the reference channels' centre of mass is, (B, 2), as a code of the cell."""
    place, total = np.arange(SIZE), x_r.sum(axis=(1, 2, 3))
    rows, columns = np.einsum("nhwc,h->n", x_r, place), np.einsum("nhwc,w->n", x_r, place)
    return np.stack([rows, columns], axis=1) / total[:, None]


class FakeIntegrator:
    structures = NAMES

    def __init__(self, mirrored):
        self.mirrored = mirrored

    def encode_reference(self, x_r):
        return {"z_r": centre(x_r)}


def coded(images, y):
    return coded_cells(images, y, centre(images[..., :2] / 255), SPEC)


def cells(places, y):
    """Cells whose reference is a square at a place, and whose structure is a square beside it."""
    images = np.zeros((len(places), SIZE, SIZE, 3), np.uint8)
    for image, (row, column) in zip(images, places, strict=True):
        image[row : row + 8, column : column + 8, :2] = 200
        image[row : row + 4, column + 8 : column + 12, 2] = 100 + row
    return coded(images, y)


TRAINING = cells([(8, 8), (40, 8), (8, 40), (24, 24)], [0, 0, 1, 1])


@pytest.fixture
def neighbours():
    return Neighbours(FakeIntegrator(mirrored=False), TRAINING)


@pytest.mark.parametrize("rival", ["nearest", "nearest_pixels"])
def test_the_nearest_training_cell_of_each_structure(neighbours, rival):
    found = neighbours.find(cells([(38, 10), (9, 37)], [1, 0]))
    assert set(found) == {"nearest", "nearest_pixels", "mean_of_nearest", "mean_of_nearest_pixels"}
    np.testing.assert_array_equal(found[rival][:, 2], [[-1], [-1]])  # no training cell shows it
    assert found[rival][0, 0] == [1] and found[rival][1, 1] == [2]
    assert found[f"mean_of_{rival}"].shape == (2, 3, MEAN_OF)
    assert found[f"mean_of_{rival}"][0, 0, :3].tolist() == [1, 0, -1]  # two cells have it


def test_the_mean_of_few_cells_is_the_class_mean(neighbours):
    shown = neighbours.structures(neighbours.find(cells([(38, 10)], [1]))["mean_of_nearest"])
    np.testing.assert_allclose(shown[0] / 255, neighbours.class_mean, atol=1e-6)


def test_the_mean_is_of_the_nearest():
    places = [(8, column) for column in range(0, 50, 2)]
    training = cells(places, [0] * len(places))
    neighbours = Neighbours(FakeIntegrator(mirrored=False), training)
    for rival in ("mean_of_nearest", "mean_of_nearest_pixels"):
        shown = neighbours.structures(neighbours.find(cells([(8, 0)], [0]))[rival])
        np.testing.assert_allclose(shown[0, ..., 0], training.images(slice(MEAN_OF))[..., 2].mean(axis=0), atol=1e-4)


def test_training_cells_are_their_own_neighbours(neighbours):
    found = neighbours.find(TRAINING)
    for indices in (found["nearest"], found["nearest_pixels"]):
        np.testing.assert_array_equal(indices[np.arange(4), TRAINING.y, 0], np.arange(4))
        shown = neighbours.structures(indices)
        assert shown.shape == (4, SIZE, SIZE, 3) and not shown[..., 2].any()
        for i, k in enumerate(TRAINING.y):
            np.testing.assert_array_equal(shown[i, ..., k], TRAINING.images([i])[0, ..., 2])


def test_class_mean(neighbours):
    expected = TRAINING.images(slice(2))[..., 2].mean(axis=0) / 255
    np.testing.assert_allclose(neighbours.class_mean[..., 0], expected, atol=1e-6)
    assert not neighbours.class_mean[..., 2].any()


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_a_mirrored_cell_finds_itself_among_training_cells_in_four_poses(axes):
    test = coded(np.flip(TRAINING.images(ALL), axes), TRAINING.y)
    neighbours = Neighbours(FakeIntegrator(mirrored=True), TRAINING)
    found = neighbours.find(test)
    for rival in ("nearest_mirrored", "nearest_pixels_mirrored"):
        shown = neighbours.structures(found[rival])
        for i, k in enumerate(test.y):
            np.testing.assert_array_equal(shown[i, ..., k], test.images([i])[0, ..., 2])
    assert (found["nearest"] < 4).all() and (found["nearest_pixels"] < 4).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_same_neighbours_are_found_in_parts_and_their_images_read_again(mirrored, rng, monkeypatch):
    images, y = rng.integers(0, 256, (60, SIZE, SIZE, 3), np.uint8), rng.integers(0, 2, 60)
    training, test = coded(images[:50], y[:50]), coded(images[50:], y[50:])
    whole = Neighbours(FakeIntegrator(mirrored), training)
    found = whole.find(test)
    shown = whole.structures(found["mean_of_nearest_pixels"])
    monkeypatch.setattr(module, "SEARCHED", 7 * 32 * 32 * 2)
    monkeypatch.setattr(module, "KEPT", 10 * SIZE * SIZE)
    parts = Neighbours(FakeIntegrator(mirrored), training)
    for rival, indices in parts.find(test).items():
        np.testing.assert_array_equal(indices, found[rival])
    np.testing.assert_array_equal(parts.structures(found["mean_of_nearest_pixels"]), shown)


def test_mirrored_volumes_are_found_in_their_pose(rng):
    images = rng.integers(0, 256, (6, 4, 16, 16, 3), np.uint8)
    y, spec = np.arange(6) % 2, CellSpec("ZYX", (4, 16, 16), (2, 1, 1), NAMES)

    class Coder(FakeIntegrator):
        def encode_reference(self, x_r):
            return {"z_r": x_r.reshape(len(x_r), -1)[:, :5]}

    training = coded_cells(images, y, Coder(True).encode_reference(images[..., :2] / 255)["z_r"], spec)
    mirrored = np.flip(images, (2, 3))
    test = coded_cells(mirrored, y, Coder(True).encode_reference(mirrored[..., :2] / 255)["z_r"], spec)
    neighbours = Neighbours(Coder(True), training)
    shown = neighbours.structures(neighbours.find(test)["nearest_pixels_mirrored"])
    assert shown.shape == (6, 4, 16, 16, 3)
    for i, k in enumerate(y):
        np.testing.assert_array_equal(shown[i, ..., k], mirrored[i, ..., 2])


def test_volumes_are_compared_as_volumes():
    """Two cells whose projections are the same, one upright and one upside down: only the volume tells them apart."""
    images = np.zeros((3, 8, 16, 16, 3), np.uint8)
    images[:, 1:7, 4:12, 4:12, 0] = 200
    images[0, 1:3, 6:10, 6:10, 1:] = 200  # the nucleus and the structure at the bottom
    images[1, 5:7, 6:10, 6:10, 1:] = 200  # at the top, as in the test cell
    images[2] = images[1]
    spec = CellSpec("ZYX", (8, 16, 16), (1, 1, 1), NAMES)
    training, test = (
        coded_cells(few, [0] * len(few), np.zeros((len(few), 2)), spec) for few in (images[:2], images[2:])
    )
    neighbours = Neighbours(FakeIntegrator(mirrored=False), training)
    found = neighbours.find(test)
    assert found["mean_of_nearest_pixels"][0, 0, :3].tolist() == [1, 0, -1]
    np.testing.assert_array_equal(neighbours.structures(found["nearest_pixels"])[0, ..., 0], images[2, ..., 2])

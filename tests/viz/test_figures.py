import numpy as np
import pytest
from PIL import Image

from icell_tf.viz import figures, panels


def one_pixel(*channels):
    return np.array(channels, np.float32).reshape(1, 1, -1)


@pytest.mark.parametrize(
    "channels, rgb",
    [
        ((1, 0, 0), (153, 0, 153)),
        ((0, 1, 0), (0, 153, 153)),
        ((0, 0, 1), (255, 255, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (255, 255, 214)),  # screen: blue 1 - 0.4 * 0.4
        ((1, 1, 0), (153, 153, 214)),  # and the structure shows on two masks
        ((0.5, 0, 0.5), (166, 128, 76)),  # screen: red 1 - 0.7 * 0.5
        ((1, 0), (153, 0, 153)),
        ((2, -1), (153, 0, 153)),  # out of range is clipped
    ],
)
def test_overlay_has_the_papers_colours(channels, rgb):
    assert tuple(figures.overlay(one_pixel(*channels))[0, 0]) == rgb


def test_overlay_needs_a_colour_a_channel():
    with pytest.raises(ValueError, match="4 channels"):
        figures.overlay(np.zeros((2, 2, 4)))


def test_stretch():
    image = np.zeros((100, 100, 3), np.float32)
    image[..., 0] = np.linspace(0, 0.5, 10000).reshape(100, 100)
    image[0, 0, 1] = 0.2  # fewer pixels than the percentile sees
    np.testing.assert_array_equal(figures.stretch(image), image)
    np.testing.assert_allclose(figures.stretch(image, "max").max(axis=(0, 1)), (1, 1, 0))
    percentile = figures.stretch(image, "percentile")
    np.testing.assert_allclose(percentile.max(axis=(0, 1)), (1, 1, 0))
    np.testing.assert_allclose(percentile[50, 50, 0], image[50, 50, 0] / (0.5 * 0.999), rtol=1e-3)
    np.testing.assert_array_equal(figures.stretch(image[None], "percentile"), percentile[None])  # a volume
    with pytest.raises(ValueError, match="none, max, percentile"):
        figures.stretch(image, "auto")


def test_composite_shows_each_structure_in_its_colour_and_names_it():
    x_r, structures = np.zeros((64, 64, 2), np.float32), np.zeros((64, 64, 2), np.float32)
    structures[8:24, 8:24, 0] = 0.1
    structures[40:56, 40:56, 1] = 0.7
    colors = ((1, 0, 0), (0, 0, 1))
    picture = figures.composite(x_r, structures, colors, ("tom20", "zo1"))
    assert picture.shape[0] == 512
    np.testing.assert_array_equal(picture[128, 128], (255, 0, 0))
    np.testing.assert_array_equal(picture[384, 384], (0, 0, 255))
    legend = picture[:, 512:]
    for color in (255, 0, 0), (0, 0, 255), (255, 255, 255):  # two keys and the text
        assert (legend == color).all(axis=-1).any()
    for grey in (round(255 * 0.35), round(255 * 0.35 * 0.6)):  # the keys of membrane and nucleus
        assert (legend == grey).all(axis=-1).sum() > panels.FONT_SIZE**2
    with pytest.raises(ValueError, match="2 structures, but 1 colours"):
        figures.composite(x_r, structures, colors[:1], ("tom20", "zo1"))
    bar = figures.composite(x_r, structures, colors, ("tom20", "zo1"), pixel_size=0.5)[:, :512] == 255
    assert bar.all(axis=-1)[490].sum() == 10 / 0.5 * 8  # 10 um, enlarged eightfold


def test_composite_does_not_add_up_to_white():
    structures = np.zeros((64, 64, 3), np.float32)
    structures[..., 0] = 1
    structures[:32, :, 1] = 0.5
    structures[32, 32, 1:] = 1
    picture = figures.composite(np.zeros((64, 64, 2)), structures, np.eye(3), ("a", "b", "c"), "max")
    assert picture[64, 64] / 255 == pytest.approx([16 / 17, 1 / 17, 0], abs=0.003)  # 1 to 0.5**4


def test_composite_shows_masks_as_outlines_and_images_as_they_are():
    image, mask = np.zeros((64, 64, 2), np.float32), np.zeros((64, 64, 2), np.float32)
    image[...] = np.linspace(0.2, 1, 64)[:, None, None]
    mask[8:56, 8:56] = 1
    nothing, shown = np.zeros((64, 64, 1)), {}
    for name, x_r in (("image", image), ("mask", mask)):
        shown[name] = figures.composite(x_r, nothing, np.eye(3)[:1], ("a",), "max", reference_strength=0.25)
    assert shown["image"][260, 260] == pytest.approx(255 * 0.25 * 1.6 * image[32, 32, 0], abs=2)
    assert not shown["mask"][200:300, 200:300].any()
    assert shown["mask"][:256, 200:300].max() == pytest.approx(255 * 0.25 * 1.6, abs=30)  # a bicubic line overshoots


def test_around_cell():
    x_r = np.zeros((64, 64, 2), np.float32)
    assert figures.around_cell(x_r) == (slice(None), slice(None))
    x_r[30:40, 10:30, 0] = 1
    x_r[0, 0, 0] = 0.05  # noise
    assert figures.around_cell(x_r) == (slice(23, 47), slice(8, 32))
    x_r[:, 60:, 1] = 1  # to the frame's edge
    assert figures.around_cell(x_r) == (slice(0, 64), slice(0, 64))


def test_around_a_cell_that_is_longer_than_its_frame_is_high():
    x_r = np.zeros((32, 128, 2), np.float32)
    x_r[10:20, 30:80, 0] = 1
    assert figures.around_cell(x_r) == (slice(0, 32), slice(25, 85))
    x_r[10:20, 30:80, 0] = 0
    x_r[10:30, 100:110, 1] = 1
    assert figures.around_cell(x_r) == (slice(8, 32), slice(93, 117))


def test_structures_in_cell_labels():
    cell = np.zeros((39, 39, 3), np.float32)
    cell[4:36, 4:36] = 0.5
    predicted = np.random.default_rng(0).random((39, 39, 2))
    picture = figures.structures_in_cell(cell, {"z_s = 0": predicted, "mean of 2": predicted}, ("a", "b"))
    side = -(-160 // 39) * 39 + panels.GAP
    assert picture.shape[0] == panels.FONT_SIZE + 8 + 3 * side + panels.GAP
    assert picture.shape[1] > 3 * side
    rows = [picture[panels.FONT_SIZE + 8 + panels.GAP + i * side :][: side - panels.GAP] for i in range(3)]
    grey = [(row[:, -3 * side :] == row[:, -3 * side :, :1]).all() for row in rows]
    assert grey == [False, True, False]  # below the first prediction stands its structure alone
    empty = [(row[:, -3 * side : -2 * side - panels.GAP] == 255).all() for row in rows]
    assert empty == [False, False, True]  # the observed cell stands beside these two
    bar = figures.structures_in_cell(cell, {"z_s = 0": predicted}, ("a", "b"), pixel_size=0.5)
    first = bar[panels.FONT_SIZE + 8 + panels.GAP :, -3 * side :][: side - panels.GAP, : side - panels.GAP]
    assert (first[-9:-4] == 255).all(axis=-1).sum(axis=1).max() == 5 / 0.5 * 5  # 5 um, enlarged fivefold


def test_grids():
    rng = np.random.default_rng(0)
    cells, predicted = rng.random((2, 64, 64, 3)), rng.random((2, 64, 64, 4))
    names, side, top = ("a", "b", "c", "d"), 192 + panels.GAP, panels.FONT_SIZE + 8
    grid = figures.integration_grid(cells, predicted, names)
    assert grid.shape == (top + 2 * side + panels.GAP, 5 * side + panels.GAP, 3)
    assert figures.structure_grid(predicted, names).shape == (grid.shape[0], grid.shape[1] - side, 3)
    assert figures.cell_grid(np.repeat(cells, 5, axis=0), columns=4).shape[:2] == (3 * side + 2, 4 * side + 2)
    pairs = figures.observed_over_reconstructed(cells, cells[..., ::-1])
    assert pairs.shape[0] == 2 * side + 2
    panel = panels.enlarge(figures.overlay(cells[1]))
    np.testing.assert_array_equal(pairs[2:194, -194:-2], panel)


def test_integration_grid_puts_the_structure_into_the_observed_cell():
    cell = np.zeros((1, 160, 160, 2), np.float32)
    cell[0, :80, :, 0] = 1
    predicted = np.zeros((1, 160, 160, 1), np.float32)
    predicted[0, 80:, :, 0] = 0.2
    grid = figures.integration_grid(cell, predicted, ("tom20",))
    panel = grid[-162:-2, -162:-2]
    np.testing.assert_array_equal(panel[0, 0], (153, 0, 153))
    np.testing.assert_array_equal(panel[-1, 0], (255, 255, 0))


def test_png(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    figures.to_png(rgb, tmp_path / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "picture.png")), rgb)

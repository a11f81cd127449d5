"""The page's pictures are those of icell_tf/viz/figures.py."""

import numpy as np
import pytest

from icell_tf import structures
from icell_tf.viz import figures

from ..made_up import VOLUMES
from .arrays import found, given, run

CLOSE = 1  # of 255
RGB = "const rgb = ({ width, height, data }) => plain({ dims: [height, width, 4], data });"


def cell(channels, masks=False):
    """An image (40, 56, channels) with a cell in a part of the frame; membrane and nucleus may be masks."""
    y, x = np.mgrid[:40, :56]
    radius = np.hypot((y - 17) / 12, (x - 35) / 16)
    inside = np.stack([radius < 1 / (1 + 0.7 * (i == 1)) for i in range(channels)], axis=-1)
    image = np.random.default_rng(2).random((40, 56, channels), np.float32) * inside
    if masks:
        image[..., :2] = inside[..., :2]
    return image.astype(np.float32)


def require_close(made, expected):
    made = found(made)
    assert (made[..., 3] == 255).all() and made[..., :3].shape == expected.shape
    assert np.abs(made[..., :3] - expected.astype(float)).max() <= CLOSE
    assert expected.std() > 10


@pytest.mark.parametrize("contrast", figures.CONTRASTS)
@pytest.mark.parametrize("channels", [2, 3])
def test_overlay(blank, channels, contrast):
    image = 0.7 * cell(channels)
    code = f"""const {{ overlay }} = await import("./picture.js"); {RGB}
        return rgb(overlay(tensor(argument.image), undefined, argument.contrast));"""
    made = run(blank, code, {"image": given(image), "contrast": contrast})
    require_close(made, figures.overlay(image, contrast=contrast))


def test_a_channel_of_few_pixels_is_seen(blank):
    image = np.zeros((40, 56, 2), np.float32)
    image[3, 4, 0] = 0.2
    code = 'const { stretch } = await import("./picture.js"); return plain(stretch(tensor(argument), "percentile"));'
    np.testing.assert_allclose(found(run(blank, code, given(image))), figures.stretch(image, "percentile"), atol=1e-6)


@pytest.mark.parametrize("contrast", figures.CONTRASTS)
@pytest.mark.parametrize("masks", [False, True])
def test_composite(blank, monkeypatch, masks, contrast):
    monkeypatch.setattr(figures, "enlarge", lambda rgb, pixels: rgb)
    monkeypatch.setattr(figures, "with_legend", lambda picture, entries: picture)
    x_r, found_in = cell(2, masks), 0.8 * cell(12)[..., 2:]
    colors = structures.colors(structures.NAMES)
    code = f"""const {{ composite }} = await import("./picture.js"); {RGB}
        const [x_r, structures] = [tensor(argument.x_r), tensor(argument.structures)];
        return rgb(composite(x_r, structures, argument.colors, {{ contrast: argument.contrast }}));"""
    argument = {"x_r": given(x_r), "structures": given(found_in), "colors": colors, "contrast": contrast}
    expected = figures.composite(x_r, found_in, colors, structures.NAMES, contrast)
    require_close(run(blank, code, argument), expected)


def test_a_structure_without_opacity_is_not_in_the_picture(blank):
    x_r, found_in, colors = cell(2), cell(4)[..., 2:], [[1, 0, 0], [0, 1, 0]]
    code = f"""const {{ channel, composite, overlay }} = await import("./picture.js"); {RGB}
        const [x_r, both] = [tensor(argument.x_r), tensor(argument.structures)];
        const one = channel(both, 1), [color] = argument.colors.slice(1);
        const faint = color.map((value) => value / 2);
        return [composite(x_r, both, argument.colors, {{ opacity: [0, 1] }}), composite(x_r, one, [color]),
            overlay(both, argument.colors, "none", [0, 0.5]), overlay(one, [faint])].map(rgb);"""
    pictures = run(blank, code, {"x_r": given(x_r), "structures": given(found_in), "colors": colors})
    first, alone, faint, half = map(found, pictures)
    np.testing.assert_array_equal(first, alone)
    np.testing.assert_array_equal(faint, half)


def test_the_part_around_the_cell(blank):
    code = """const { aroundCell, cut } = await import("./picture.js");
        const image = tensor(argument), where = aroundCell(image);
        return { where, part: plain(cut(image, where)) };"""
    for image in (cell(2), np.zeros((8, 4, 2), np.float32), cell(2)[:20, 30:]):
        made = run(blank, code, given(image))
        np.testing.assert_allclose(found(made["part"]), image[figures.around_cell(image)], atol=1e-7)


def test_volumes_are_shown_as_their_maximum_along_z(blank):
    image = np.random.default_rng(0).random((*VOLUMES.shape, 3), np.float32)
    code = """const { channel, join, plane } = await import("./picture.js");
        const seen = plane(tensor(argument));
        return plain(join([channel(seen, 0), channel(seen, 1), channel(seen, 2)]));"""
    np.testing.assert_allclose(found(run(blank, code, given(image))), VOLUMES.plane(image), atol=1e-7)


def test_moments_are_those_of_the_draws(blank):
    draws = np.random.default_rng(0).random((5, 4, 3), np.float32)
    code = """const { moments } = await import("./tensors.js"); return plains(moments(argument.map(tensor)));"""
    made = run(blank, code, [given(draw) for draw in draws])
    np.testing.assert_allclose(found(made["mean"]), draws.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found(made["std"]), draws.std(axis=0), atol=1e-6)

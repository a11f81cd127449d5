import numpy as np
import pytest

from icell_tf.viz import volumes

CUBES = dict.fromkeys("ZYX", 0.5)


def box(shape=(8, 16, 20), z=slice(2, 6), y=slice(4, 8), x=slice(5, 15), channels=2):
    volume = np.zeros((*shape, channels), np.float32)
    volume[z, y, x] = 1
    return volume


def test_projections_are_the_maximum_along_each_axis():
    volume = np.random.default_rng(0).random((2, 4, 5, 6, 3))
    views = volumes.projections(volume, "ZYX")
    assert {view: image.shape for view, image in views.items()} == {
        "YX": (2, 5, 6, 3),
        "ZX": (2, 4, 6, 3),
        "YZ": (2, 5, 4, 3),
    }
    np.testing.assert_array_equal(views["YX"], volume.max(axis=1))
    np.testing.assert_array_equal(views["ZX"], volume.max(axis=2))
    np.testing.assert_array_equal(views["YZ"], np.swapaxes(volume.max(axis=3), 1, 2))


def test_slices_go_through_the_middle():
    volume = np.random.default_rng(0).random((4, 5, 6, 3))
    views = volumes.slices(volume, "ZYX")
    np.testing.assert_array_equal(views["YX"], volume[2])
    np.testing.assert_array_equal(views["ZX"], volume[:, 2])
    np.testing.assert_array_equal(views["YZ"], np.swapaxes(volume[:, :, 3], 0, 1))


@pytest.mark.parametrize("look", [volumes.projections, volumes.slices])
def test_a_plane_is_its_only_view(look):
    plane = np.random.default_rng(0).random((5, 6, 3))
    views = look(plane, "YX")
    assert list(views) == ["YX"]
    np.testing.assert_array_equal(volumes.arrange(views, {"Y": 1.0, "X": 1.0}), plane)


def test_a_volume_is_cropped_along_each_axis_and_a_plane_to_a_square():
    window = volumes.around(volumes.projections(box(), "ZYX"))
    assert window == {"Z": slice(1, 7), "Y": slice(3, 9), "X": slice(4, 16)}
    cropped = volumes.cut(volumes.slices(box(), "ZYX"), window)
    assert [image.shape for image in cropped.values()] == [(6, 12, 2), (6, 12, 2), (6, 6, 2)]
    assert volumes.around(volumes.projections(box().max(axis=0), "YX")) == {"Y": slice(0, 12), "X": slice(4, 16)}
    nothing = volumes.around(volumes.projections(np.zeros((8, 16, 20, 2)), "ZYX"))
    assert nothing == {"Z": slice(0, 8), "Y": slice(0, 16), "X": slice(0, 20)}


def test_views_lie_beside_each_other_along_the_same_axes():
    volume, gap = box(), volumes.GAP
    picture = volumes.arrange(volumes.projections(volume, "ZYX"), CUBES)
    assert picture.shape == (16 + gap + 8, 20 + gap + 8, 2)
    np.testing.assert_array_equal(picture[:16, :20], volume.max(axis=0))
    np.testing.assert_array_equal(picture[16 + gap :, :20], volume.max(axis=1))
    np.testing.assert_array_equal(picture[:16, 20 + gap :], np.swapaxes(volume.max(axis=2), 0, 1))
    assert not picture[16:, 20:].any() and not picture[16 : 16 + gap].any() and not picture[:, 20 : 20 + gap].any()


def test_voxels_that_are_no_cubes_come_out_in_the_right_aspect():
    views = volumes.projections(box(), "ZYX")
    picture = volumes.arrange(views, {"Z": 1.5, "Y": 0.5, "X": 0.5})
    assert picture.shape == (16 + volumes.GAP + 24, 20 + volumes.GAP + 24, 2)
    front = picture[16 + volumes.GAP :, :20, 0]
    assert [np.count_nonzero(front[:, 10] > 0.5), np.count_nonzero(front[12] > 0.5)] == [12, 10]  # 6 µm and 5 µm
    assert volumes.arrange(views, {"Z": 0.5, "Y": 1.0, "X": 0.5}).shape == (
        32 + volumes.GAP + 8,
        20 + volumes.GAP + 8,
        2,
    )


def test_planes_along_z():
    volume = np.random.default_rng(0).random((3, 4, 5, 6, 2))
    planes = volumes.through(volume, "ZYX", {"Z": slice(1, 3), "Y": slice(0, 2), "X": slice(2, 6)})
    np.testing.assert_array_equal(planes, np.swapaxes(volume[:, 1:3, 0:2, 2:6], 0, 1))


def test_the_scale_bar_fits_the_corner():
    window = {"Z": slice(0, 10), "Y": slice(0, 20), "X": slice(0, 30)}
    assert volumes.layout(window, CUBES)["bar_share"] == pytest.approx(0.85 * 10 / 40)
    assert volumes.layout(window, CUBES | {"Z": 1.5})["bar_share"] == pytest.approx(0.85 * 30 / 60)
    assert volumes.layout(window | {"Z": slice(0, 1)}, CUBES)["bar_share"] == 0.2
    assert volumes.layout({"Y": slice(0, 20), "X": slice(0, 30)}, CUBES) == {}

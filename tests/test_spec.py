"""The description of cells: what it accepts, how it comes back from JSON, and which axis and channel is which."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.spec import (
    CellSpec,
    Channel,
    Covariate,
    Preparation,
    SpecError,
    at_once,
    image_axes,
    spatial_axes,
)

PLANE = CellSpec("YX", (32, 64), (0.5, 0.25), ("tom20", "zo1"))
VOLUME = CellSpec("ZYX", (8, 16, 32), (2, 1, 0.5), ("tom20",), preparation=Preparation("none", "percentile"))
CONDITIONED = dataclasses.replace(
    PLANE,
    covariates=(
        Covariate("drug", "categorical", levels=("none", "taxol")),
        Covariate("dose", "continuous", unit="µM", range=(0, 10)),
    ),
)


@pytest.mark.parametrize("spec", [PLANE, VOLUME, CONDITIONED])
def test_a_spec_comes_back_from_its_json(spec):
    assert CellSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    "change, message",
    [
        ({"axes": "XY"}, "axes are 'XY'"),
        ({"axes": "ZYX"}, "a number for each axis of ZYX"),
        ({"shape": (32, 48)}, "32 x 48, expected powers of two from 4 to 512"),
        ({"shape": (8, 8)}, "the largest at least 16"),
        ({"shape": (1024, 64)}, "from 4 to 512"),
        ({"pixel_size": (0.5, 0.0)}, "µm above 0"),
        ({"pixel_size": (0.5, float("nan"))}, "µm above 0"),
        ({"structures": ("tom20", "tom20")}, "expected different names"),
        ({"structures": "tom20"}, "expected a list"),
        ({"structures": ("generated",)}, "class K"),
        ({"channels": (Channel("a", "structure"), Channel("b", "reference"))}, "reference channels and then one"),
        ({"channels": (Channel("a", "structure"),)}, "reference channels and then one"),
        ({"channels": [Channel("a", "reference"), Channel("a", "structure")]}, "expected different names"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    with pytest.raises(SpecError, match=message):
        dataclasses.replace(PLANE, **change)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Channel("a", "marker"), "'a' has role 'marker'"),
        (lambda: Covariate("dose", "number"), "'dose' is 'number'"),
        (lambda: Covariate("drug", "categorical"), "different levels"),
        (lambda: Covariate("dose", "continuous", range=(1, 1)), "a range"),
        (lambda: Preparation("upright"), "alignment is 'upright'"),
    ],
)
def test_parts_that_mean_nothing_are_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"format": 2},
        {"format": 1},
        PLANE.to_dict() | {"more": 1},
        PLANE.to_dict() | {"shape": 3},
        PLANE.to_dict() | {"pixel_size": ["x", 1]},
    ],
)
def test_other_json_is_refused(content):
    with pytest.raises(SpecError):
        CellSpec.from_dict(content)


def test_channels_are_found_by_their_roles_in_numpy_and_tensorflow():
    three = (Channel("membrane", "reference"), Channel("nucleus", "reference"), Channel("golgi", "reference"))
    spec = dataclasses.replace(PLANE, channels=(*three, Channel("tag", "structure")))
    image = np.arange(4.0) * np.ones(spec.image_shape)
    for images in (image, tf.constant(image)):
        np.testing.assert_array_equal(spec.reference(images), image[..., [0, 1, 2]])
        np.testing.assert_array_equal(spec.structure(images), image[..., 3])
    assert spec.reference_names == ("membrane", "nucleus", "golgi")
    assert (spec.image_shape, spec.reference_shape) == ((32, 64, 4), (32, 64, 3))
    assert spec.has_structure(image) and not spec.has_structure(spec.reference(image))


def test_axes_of_pictures_and_volumes():
    assert PLANE.mirrored_poses == ((1,), (2,), (1, 2)) and VOLUME.mirrored_poses == ((2,), (3,), (2, 3))
    assert (PLANE.plane_shape, VOLUME.plane_shape) == ((32, 64), (16, 32))
    assert (PLANE.plane_pixel_size, VOLUME.plane_pixel_size) == ((0.5, 0.25), (1, 0.5))
    for spec, spatial in ((PLANE, (1, 2)), (VOLUME, (1, 2, 3))):
        batch = np.zeros((5, *spec.image_shape))
        assert spatial_axes(batch) == spatial and image_axes(batch) == (*spatial, len(spatial) + 1)


def test_pictures_show_volumes_as_their_maximum_along_z():
    volumes = np.random.default_rng(0).random((2, 5, *VOLUME.image_shape))
    np.testing.assert_array_equal(VOLUME.plane(volumes), volumes.max(axis=2))
    pictures = volumes[0]
    assert PLANE.plane(pictures) is pictures


def test_generated_is_the_class_after_the_structures():
    assert PLANE.classes == ("tom20", "zo1", "generated")


@pytest.mark.parametrize("shape, expected", [((64, 64), 50), ((512, 512), 50), ((32, 256, 256), 6), ((512,) * 3, 1)])
def test_fewer_volumes_than_planes_are_computed_at_once(shape, expected):
    assert at_once(50, shape) == expected


def test_covariates_are_refused_by_name():
    PLANE.require_no_covariates()
    with pytest.raises(SpecError, match=r"\(drug, dose\), which the networks do not take yet"):
        CONDITIONED.require_no_covariates()


def test_differences_name_what_differs():
    assert PLANE.differences(PLANE) == []
    other = dataclasses.replace(CONDITIONED, shape=(64, 64))
    assert PLANE.differences(other, ignore=("covariates",)) == ["shape was (32, 64), now (64, 64)"]
    assert PLANE.differences(other)[1] == "covariates was (), now drug, dose"

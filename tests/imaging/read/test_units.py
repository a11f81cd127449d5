"""Lengths, and which pixel size goes before which."""

import math

import numpy as np
import pytest

from icell_tf.imaging.read.units import compare_scales, micrometres, resolve_scale

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "µm", 2),
        ("2", "um", 2),
        (2, "micron", 2),
        (2, "\\u00B5m", 2),
        (2, "micrometer", 2),
        (2, "mm", 2000),
        (300, "nanometer", 0.3),
        (1, "inch", 25400),
        *(
            (2, unit, 2)
            for unit in ("micrometers", "Micrometre", "microns", "MICRON", "UM", " µm ", "µm.", "\u03bcm", "㎛")
        ),
        *((2, unit, 2) for unit in ("\\U00b5m", "&#181;m", "&micro;m", "Âµm", "mikrometer")),
        *((3, unit, 0.003) for unit in ("nanometers", "nm", "Nanometre")),
        *((4, unit, 4e-4) for unit in ("Å", "\u212b", "A\u030a", "å", "Angstroms", "ångström")),
        *((5, unit, 5e6) for unit in ("m", "metre", "Meters")),
        (1, "Mm", 1e12),  # of SI's symbols the case counts
        (6, "pm", 6e-6),
        (7, "centimeters", 7e4),
        (1, "thou", 25.4),
        (1, "ft", 304800),
    ],
)
def test_micrometres(value, unit, expected):
    assert micrometres(value, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "unit"),
    [(None, "µm"), (1, "pixel"), (1, "px"), (1, "reference frame"), (0, "µm"), (-1, "µm"), ("x", "µm"), (1, "")],
)
def test_what_is_no_length_is_unknown(value, unit):
    assert np.isnan(micrometres(value, unit))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, (0.5, 0.3, 0.2)),
        (0.7, (0.5, 0.7, 0.7)),
        ((0.6, 0.7), (0.5, 0.6, 0.7)),
        ((1, 2, 3), (1, 2, 3)),
        ((NAN, 2, 3), (0.5, 2, 3)),
    ],
)
def test_given_scale_goes_before_the_file(given, expected):
    assert resolve_scale("a.tif", (0.5, 0.3, 0.2), given)[0] == expected


def test_z_may_stay_unknown():
    (z, y, x), guess = resolve_scale("a.tif", (NAN, 0.3, 0.2), None)
    assert math.isnan(z) and (y, x, guess) == (0.3, 0.2, "")


@pytest.mark.parametrize("given", [0, -1, NAN, math.inf, (1, -1, 1), (0, 1, 1), (-1, 1, 1), (1, 1, 1, 1)])
def test_a_given_scale_must_be_positive(given):
    with pytest.raises(ValueError, match=r"a\.tif: .*positive µm .*--pixel_size.*scale_micron"):
        resolve_scale("a.tif", (1, 1, 1), given)


@pytest.mark.parametrize(
    ("found", "axes"), [((1, NAN, 1), "y"), ((1, 1, NAN), "x"), ((1, NAN, NAN), "y and x")], ids=str
)
def test_a_missing_scale_is_refused_with_its_axis(found, axes):
    with pytest.raises(ValueError, match=rf"a\.tif: .*along {axes}\..*--pixel_size.*scale_micron"):
        resolve_scale("a.tif", found, None)


@pytest.mark.parametrize(
    ("second", "axes", "expected"),
    [
        ((0.5, 0.3, 0.2), "zyx", None),
        ((0.51, 0.306, 0.197), "zyx", None),  # 2 %
        ((0.5, 0.307, 0.195), "zyx", ("y 0.3, x 0.2 µm", "y 0.307, x 0.195 µm")),
        ((1, 0.3, 0.2), "zyx", ("z 0.5 µm", "z 1 µm")),
        ((1, 0.3, 0.2), "yx", None),
        ((NAN, NAN, NAN), "zyx", None),
    ],
)
def test_sizes_that_differ_by_more_than_2_percent(second, axes, expected):
    assert compare_scales((0.5, 0.3, 0.2), second, axes) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0.3, "given as x 0.3 µm, and the file says x 0.2 µm: the given one is used"),
        ((0.6, 0.3, 0.2), "given as z 0.6 µm, and the file says z 0.5 µm"),
        ((NAN, 0.3, 0.202), None),
        (None, None),
    ],
)
def test_a_given_size_that_the_file_contradicts_is_said(given, said):
    guess = resolve_scale("a.tif", (0.5, 0.3, 0.2), given)[1]
    assert said in guess if said else guess == ""

"""The types in which OME-TIFFs hold intensities without loss."""

import numpy as np
import pytest

from icell_tf.imaging.ome import ome_type


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("uint16", 0, 3, "uint16"),  # OME has it
        (">u2", 0, 3, "uint16"),
        ("float64", 0, 3, "float64"),
        ("bool", 0, 1, "uint8"),
        ("float16", -1, 3, "float32"),
        ("int64", 0, 255, "uint8"),
        ("int64", -1, 127, "int8"),
        ("uint64", 0, 256, "uint16"),
        ("int64", -1, 40000, "int32"),
        ("int64", 0, 2**32 - 1, "uint32"),
        ("int64", -1, 2**32, "float64"),
        ("uint64", 0, 2**53, "float64"),
    ],
)
def test_the_smallest_type_that_holds_all_channels(dtype, low, high, expected):
    channels = [np.array([[low, low]], dtype), np.array([[low, high]], dtype)]
    found = ome_type(channels)
    assert found == np.dtype(expected) and found.isnative
    np.testing.assert_array_equal(channels[1].astype(found), channels[1])


@pytest.mark.parametrize(("dtype", "values"), [("uint64", [0, 2**53 + 1]), ("int64", [-(2**53) - 1, 0])])
def test_integers_that_no_type_holds_are_refused(dtype, values):
    with pytest.raises(ValueError, match=rf"go from {min(values)} to {max(values)}.*32 bits"):
        ome_type([np.array(values, dtype)])

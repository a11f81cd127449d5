"""What commands are told, read: channels by name or number, pixel sizes, names of files."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from icell_tf import files
from icell_tf.imaging.read import channels

NAMES = {"membrane": ("membrane", "cell"), "nucleus": ("dna",), "structure": ("gfp",)}
ROLES = channels.CHANNEL_ROLES


@pytest.mark.parametrize("text", ["membrane", "membrane:0", "membrane:0,nucleus:", "membrane:0,nucleus:1,dna:2", ""])
def test_bad_channels(text):
    with pytest.raises(ValueError, match="^--channels .*membrane:NAME_OR_NUMBER,nucleus:NAME_OR_NUMBER"):
        channels.parse_channels(text, ROLES, "--channels")


def test_channels():
    found = channels.parse_channels("nucleus:DNA, membrane:0", ROLES, "--channels")
    assert found == {"nucleus": "DNA", "membrane": "0"}
    assert channels.parse_channels(None, ROLES, "--channels") is None


@pytest.mark.parametrize(
    "channels, expected",
    [
        (("GFP", "Cell ", "Membrane", "DNA"), {"membrane": "2", "nucleus": "3", "structure": "0"}),
        (("DNA", "cell"), {"membrane": "1", "nucleus": "0"}),
        (("0", "1"), {"membrane": "0", "nucleus": "1"}),  # a file without names
        (("0", "1", "2"), "can't tell which channel is membrane and which is nucleus; its channels are 0: 0, 1: 1"),
        (("DNA", "GFP"), "a.tif: can't tell which channel is membrane; .*give --channels=membrane:0,nucleus:1"),
    ],
)
def test_channels_by_name(channels, expected):
    stack = SimpleNamespace(channels=channels, path="a.tif")
    if isinstance(expected, dict):
        assert channels.channels_by_name(stack, NAMES, ROLES[:2], "--channels") == expected
    else:
        with pytest.raises(ValueError, match=expected):
            channels.channels_by_name(stack, NAMES, ROLES[:2], "--channels")


def test_pixel_size():
    assert channels.parse_pixel_size(None) is None
    assert channels.parse_pixel_size("0.2") == (0.2,)
    assert channels.parse_pixel_size("0.5, 0.2,0.2") == (0.5, 0.2, 0.2)
    for text in ("", "0,2", "-1", "nan", "a"):
        with pytest.raises(ValueError, match="--pixel_size"):
            channels.parse_pixel_size(text)


def test_stem():
    paths = ("a/b.c.tif", "A.OME.TIF", "a.ome.zarr/", "plate", ".ome.tif")
    assert [files.stem(path) for path in paths] == ["b.c", "A", "a", "plate", ".ome"]


def test_safe_names():
    names = ["a/b", "A b", "..", "é", "a_b-2", "a/b", "x" * 300]
    assert files.safe_names(names) == ["a_b", "A_b-2", "cell", "cell-2", "a_b-2-2", "a_b-3", "x" * 100]


def test_cutting_fields_needs_no_tensorflow():
    code = "import sys, icell_tf.imaging.fields.cut; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

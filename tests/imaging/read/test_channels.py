"""Channels by name or number, and pixel sizes, as commands give them."""

from types import SimpleNamespace

import pytest

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
    "names, expected",
    [
        (("GFP", "Cell ", "Membrane", "DNA"), {"membrane": "2", "nucleus": "3", "structure": "0"}),
        (("DNA", "cell"), {"membrane": "1", "nucleus": "0"}),
        (("0", "1"), {"membrane": "0", "nucleus": "1"}),  # a file without names
        (("0", "1", "2"), "a.tif: .*is membrane and which is nucleus.*0: 0, 1: 1"),
        (("DNA", "GFP"), "a.tif: .*is membrane; .*--channels=membrane:0,nucleus:1"),
    ],
)
def test_channels_by_name(names, expected):
    stack = SimpleNamespace(channels=names, path="a.tif")
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

"""Which channel plays which role: as given, by name, by order; and what is refused or has to be checked."""

import re

import numpy as np
import pytest

from icell_tf.imaging.read import channels
from icell_tf.imaging.read.channels import RAW_NAMES, SEGMENTATION_NAMES, choose_channels, parse_channels
from icell_tf.imaging.read.source import Source
from icell_tf.imaging.read.stack import Stack

ROLES, MASKS = channels.CHANNEL_ROLES, channels.SEGMENTATION_ROLES


def stack_of(names, own=None, data=None):
    """A stack of one plane a channel, with names, which are the file's own unless these are given."""
    data = np.arange(len(names) * 6.0).reshape(len(names), 2, 3) if data is None else data
    source = Source(data.shape, data.dtype, "CYX", data.__getitem__, names if own is None else own)
    return Stack(source, "CYX", tuple(names), (1, 1, 1), "a.tif")


def choose(names, given=None, known=RAW_NAMES, required=ROLES[:2], flag="--channels"):
    return choose_channels(stack_of(names), given, known, required, flag)


@pytest.mark.parametrize(
    "text",
    ["membrane", "membrane:0", "membrane:0,nucleus:", "membrane:0,nucleus:name=", "membrane:0,nucleus:1,dna:2", ""],
)
def test_bad_channels(text):
    with pytest.raises(ValueError, match="^--channels .*membrane:NAME_OR_NUMBER,nucleus:NAME_OR_NUMBER"):
        parse_channels(text, ROLES, "--channels")


def test_digits_are_indices_and_all_else_is_a_name():
    found = parse_channels("nucleus:DNA, membrane:0,structure:name=1", ROLES, "--channels")
    assert found == {"nucleus": "DNA", "membrane": 0, "structure": "1"}
    assert parse_channels("membrane:-1,nucleus:²", ROLES, "") == {"membrane": "-1", "nucleus": "²"}
    assert parse_channels(None, ROLES, "--channels") is None


@pytest.mark.parametrize(
    "names, expected",
    [
        (("GFP", "Cell ", "red", "DNA"), {"membrane": 1, "nucleus": 3, "structure": 0}),
        (("DNA", "cell"), {"membrane": 1, "nucleus": 0}),
        (("2", "dna", "membrane"), {"membrane": 2, "nucleus": 1}),
        (
            ("", "", ""),
            "a.tif: .*is membrane and which is nucleus.*0 .no name., 1 .no name.*--channels=membrane:0,nucl",
        ),
        (
            ("1", "2", "3"),
            "a.tif: .*is membrane and which is nucleus.*0: 1, 1: 2, 2: 3.*--channels=membrane:0,nucleus:1",
        ),
        (("DNA", "GFP"), r"a.tif: .*is membrane\. .*--channels=membrane:0,nucleus:1"),
        (("membrane", "dapi", "dapi"), r"a.tif: .*is nucleus: several .* dapi \(1: dapi, 2: dapi\).*--channels="),
        (("membrane", "DAPI", "dapi"), r"is nucleus: several .* dapi \(1: DAPI, 2: dapi\)"),
        (("membrane", "dna", "GFP", "gfp "), r"is structure: several .* gfp \(2: GFP, 3: gfp \)"),
    ],
)
def test_channels_by_name(names, expected):
    if isinstance(expected, dict):
        assert choose(names) == (expected, ())
    else:
        with pytest.raises(ValueError, match=expected):
            choose(names)


@pytest.mark.parametrize("names", [("", ""), ("0", "1"), ("Channel:0:0", "Channel:0:1"), ("C=1", "C=2")])
def test_channels_without_names_are_taken_in_their_order_and_this_is_said(names):
    roles, (guess,) = choose(names)
    assert roles == {"membrane": 0, "nucleus": 1}
    assert "no names; taken in their order as membrane:0, nucleus:1. If not, say so (--channels)" in guess
    roles, (guess,) = choose(names, None, SEGMENTATION_NAMES, MASKS, "--segmentation_channels")
    assert roles == {"cell": 0, "nucleus": 1} and "cell:0, nucleus:1" in guess and "--segmentation_channels" in guess


def test_a_channel_that_could_have_the_role_too_is_said():
    roles, (guess,) = choose(("membrane", "hoechst", "dna"))
    assert roles == {"membrane": 0, "nucleus": 2}
    assert guess == "channel 2: dna is taken for nucleus, though it could be 1: hoechst. If it is, say so (--channels)."
    masks = ("dna_segmentation", "membrane_segmentation", "membrane_segmentation_fill", "dna")
    roles = {"cell": 2, "nucleus": 0}
    assert choose(masks, None, SEGMENTATION_NAMES, MASKS) == (roles, ())  # filled masks go before shells: no guess


@pytest.mark.parametrize(
    "names, text, expected",
    [
        (("", "", ""), "membrane:0,nucleus:1,structure:2", {"membrane": 0, "nucleus": 1, "structure": 2}),
        (("1", "2", "3"), "membrane:name=1,nucleus:name=2", {"membrane": 0, "nucleus": 1}),
        (
            ("488", "561", "0"),
            "membrane:1,nucleus:name=0,structure:name=488",
            {"membrane": 1, "nucleus": 2, "structure": 0},
        ),
        (("a", "1"), "membrane:a,nucleus:1", {"membrane": 0, "nucleus": 1}),  # its index and its name
        (
            ("1", "2", "3"),
            "membrane:0,nucleus:1",
            r"nucleus:1\. .*channel 0 is called 1: .*nucleus:name=1, for.*name=2",
        ),
        (("1", "2", "3"), "membrane:name=1,nucleus:3", r"nucleus:3\. .*channel 2 is called 3: .*nucleus:name=3\. "),
        (("2", "dna", ""), "membrane:2,nucleus:1", r"membrane:2\. .*channel 0 is called 2: .*membrane:name=2\. "),
        (
            ("01", "02", "03"),
            "membrane:01,nucleus:02",
            r"membrane:1\. .*channel 0 is called 01: .*membrane:name=01, for",
        ),
        (("a", "b", "02"), "membrane:0,nucleus:02", {"membrane": 0, "nucleus": 2}),  # its index, in its spelling
        (("a", "b"), "membrane:0,nucleus:0", "membrane and nucleus are both channel 0"),
        (("a", "b"), "membrane:1,nucleus:b", "membrane and nucleus are both channel 1"),
        (("a", "b", "c"), "membrane:0,nucleus:1,structure:a", "membrane and structure are both channel 0"),
        (("a", "b"), "membrane:0,nucleus:2", "there is no channel 2"),
        (("a", "A"), "membrane:a,nucleus:A", {"membrane": 0, "nucleus": 1}),
        (("a", "b", "b"), "membrane:a,nucleus:b", "several channels are called 'b'.*numbers"),
    ],
)
def test_given_channels(names, text, expected):
    given = parse_channels(text, ROLES, "--channels")
    if isinstance(expected, dict):
        assert choose(names, given)[0] == expected
    else:
        with pytest.raises(ValueError, match="a.tif: .*" + expected):
            choose(names, given)


@pytest.mark.parametrize("role", [0, 1])
def test_masks_need_a_channel_each(role):
    with pytest.raises(ValueError, match="cell and nucleus are both channel .* --segmentation_channels"):
        choose(("a", "b"), {"cell": role, "nucleus": role}, SEGMENTATION_NAMES, MASKS, "--segmentation_channels")


@pytest.mark.parametrize(
    "own, text, said",
    [
        (("DNA", "membrane", "GFP"), "membrane:0,nucleus:1", ("0 is membrane", "'DNA'", "1 is nucleus", "'membrane'")),
        (("membrane", "GFP", "x"), "membrane:0,nucleus:1", ("1 is nucleus", "'GFP'")),
        (("actin", "hoechst", "tubulin"), "membrane:0,nucleus:1,structure:2", ()),
        (("DNA", "membrane", "GFP"), "membrane:DNA,nucleus:membrane", ()),  # whoever types the name knows it
        (("Channel:0:0", "", "red"), "membrane:0,nucleus:1,structure:2", ()),
    ],
)
def test_given_channels_are_compared_with_the_names_in_the_file(own, text, said):
    _, guesses = choose(own, parse_channels(text, ROLES, "--channels"))
    assert len(guesses) == bool(said)
    assert all(part in guesses[0] for part in (*said, "--channels is followed") if said)


@pytest.mark.parametrize(
    "names, own, said",
    [
        (
            ("dna", "membrane", "structure"),
            ("membrane", "dna", "structure"),
            "1 is membrane .* 'dna'.*; channel 0 is nucleus",
        ),
        (("membrane", "dna", "structure"), ("membrane", "dna", "DAPI"), "channel 2 is structure .* 'DAPI' in the file"),
        (
            ("membrane", "dna", "structure"),
            ("agp", "dna", "rna"),
            "^channel 0 is membrane by name_dict, .*'agp' [^;]*$",
        ),
        (("membrane", "dna", "structure"), ("cell_seg", "DNA", "alpha-tubulin"), None),
        (("membrane", "dna", "structure"), ("Channel:0:0", "", "green"), None),
        (("membrane", "dna", "structure"), (), None),
    ],
)
def test_names_of_a_table_are_compared_with_those_in_the_file(names, own, said):
    roles = {role: channels.find_channel(names, RAW_NAMES[role]) for role in ROLES}
    guesses = channels.contradictions(stack_of(names, own), roles, "name_dict")
    assert len(guesses) == bool(said) and (not said or re.search(said, guesses[0]))


@pytest.mark.parametrize(
    "own, structure, differs",
    [
        ("ACTB", "tom20", True),
        ("lamin B1", "alpha-tubulin", True),
        ("ACTB", "Beta actin", False),
        ("EGFP", "tom20", False),
        ("ACTB", "", False),
    ],
)
def test_another_structure_in_the_file_is_said(own, structure, differs):
    stack = stack_of(("membrane", "dna", "structure"), ("membrane", "dna", own))
    guesses = channels.other_structure(stack, {"membrane": 0, "nucleus": 1, "structure": 2}, structure)
    said = (f"channel 2 is given as the structure {structure}, and called {own!r} in the file.",)
    assert guesses == (said if differs else ())
    assert channels.other_structure(stack, {"membrane": 0, "nucleus": 1}, "zo1") == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("copy", [(0, 1), (1, 2)])
def test_channels_that_hold_the_same_voxels_are_refused(copy, dtype):
    data = np.random.default_rng(0).integers(0, 9, (3, 4, 5)).astype(dtype)
    if dtype == np.float32:
        data[:, 0] = np.nan  # pixels without data
    stack = stack_of(("a", "b", "c"), data=data)
    roles = {role: i for i, role in enumerate(ROLES)}
    assert list(channels.read_roles(stack, roles)) == [*ROLES]
    data[copy[0]] = data[copy[1]]
    with pytest.raises(ValueError, match=f"a.tif: .*{ROLES[copy[0]]} and {ROLES[copy[1]]} hold the same voxels"):
        channels.read_roles(stack, roles)


def test_pixel_size():
    assert channels.parse_pixel_size(None) is None
    assert channels.parse_pixel_size("0.2") == (0.2,)
    assert channels.parse_pixel_size("0.5, 0.2,0.2") == (0.5, 0.2, 0.2)
    for text in ("", "0,2", "-1", "nan", "a"):
        with pytest.raises(ValueError, match="--pixel_size"):
            channels.parse_pixel_size(text)

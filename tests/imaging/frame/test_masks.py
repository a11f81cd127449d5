"""Masks and label images: what is one, what needs a choice, and what the user's choice makes of it."""

import numpy as np
import pytest

from icell_tf.imaging.frame.masks import BY_COLUMN, BY_CONFIG, BY_FLAG, Choices, MaskError, binary_mask, label_image
from icell_tf.imaging.manifest.manifest import read_manifest


def draw(shape, boxes):
    """Labels (1, Y, X): {label: [(top, bottom, left, right), ...]}."""
    labels = np.zeros((1, *shape), np.int32)
    for label, parts in boxes.items():
        for top, bottom, left, right in parts:
            labels[0, top:bottom, left:right] = label
    return labels


TWO = draw((20, 30), {1: [(2, 8, 2, 8)], 2: [(10, 16, 10, 16)]})
SMOOTH = np.clip(1.2 - np.hypot(*np.indices((20, 30)) - np.array([10, 15])[:, None, None]) / 6, 0, 1)[None]


@pytest.mark.parametrize("inside", [True, np.uint8(1), np.uint8(255), np.int16(7), np.float32(1), np.float64(0.5)])
def test_two_values_are_a_mask(inside):
    """Of any type; a mask in two pieces, as a dividing nucleus', is one too."""
    np.testing.assert_array_equal(binary_mask((TWO > 0) * inside, "nucleus"), TWO > 0)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (TWO, r"the cell mask has several values beside 0: 1, 2\..*: give --mask_label=cell:NUMBER"),
        (TWO + 1, "several values beside 0: 1, 2, 3"),  # 0 is missing
        (np.where(TWO > 1, 1, 2), "several values beside 0: 1, 2"),  # classes, of which 2 is the background
        (np.array([[0, 0.5, 0.25]]), r"0\.25, 0\.5.*mask_threshold"),
        (np.array([[0, 64, 128, 255]], np.uint8), "64, 128, 255.*soft edges.*mask_threshold"),
        (np.arange(200, dtype=np.uint8), "1, 2, 3, 4, 5 and 194 more, up to 199"),
        (np.where(TWO, 253 + TWO, TWO), "254, 255"),  # lossy compression
    ],
)
def test_several_values_are_refused_by_name(mask, message):
    with pytest.raises(MaskError, match=message):
        binary_mask(mask, "cell")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (BY_COLUMN, "give the manifest a column mask_label, or mask_threshold."),
        (BY_CONFIG, 'mask_label, or mask_threshold; a threshold for all cells .* --config: "mask_threshold": 1.'),
        (BY_FLAG, "give --mask_label=nucleus:NUMBER, or --mask_threshold=nucleus:NUMBER; a manifest.csv has columns"),
    ],
)
def test_the_error_says_how_the_command_at_hand_takes_a_choice(how, message):
    for choices in (Choices(how=how), Choices(how=how).over(Choices({}, {"cell": 1}))):
        with pytest.raises(MaskError, match=message) as caught:
            choices.mask(TWO, "nucleus")
        assert how == BY_FLAG or "--mask" not in str(caught.value)


def test_a_choice_makes_a_mask():
    np.testing.assert_array_equal(binary_mask(TWO, "cell", label=2), TWO == 2)
    np.testing.assert_array_equal(binary_mask(TWO / 4 - 0.1, "cell", threshold=0.3), TWO == 2)  # may be negative
    with pytest.raises(MaskError, match="nucleus mask has no label 3: found 1, 2"):
        binary_mask(TWO, "nucleus", label=3)
    with pytest.raises(MaskError, match="nothing above the threshold of 7: its values go from 0 to 2"):
        binary_mask(TWO, "cell", threshold=7)


def test_choices_are_read_and_combined():
    where = "--{}"
    given = Choices.parse({"mask_label": "cell:2, nucleus:5", "channel_threshold": "membrane:127"}, where)
    assert given == Choices({"cell": 2, "nucleus": 5}, {}, {"membrane": 127})
    assert Choices.parse({"mask_threshold": "0.5", "mask_label": None}, where).mask_threshold == {
        "cell": 0.5,
        "nucleus": 0.5,
    }
    assert Choices.parse({}, where) == Choices()
    both = Choices({}, {"cell": 0.5}).over(given)
    assert both == Choices({"nucleus": 5}, {"cell": 0.5}, {"membrane": 127})
    for text in ("a", "cell:2,cell:3", "cell:2,nucleus:5,cell:3", "cell:2,5", "2,5", "dna:1", "cell:nan", "cell"):
        with pytest.raises(ValueError, match=f"--mask_label is '{text}', but must look like cell:NUMBER"):
            Choices.parse({"mask_label": text}, where)
    for text in ("0", "cell:2,nucleus:-5"):
        with pytest.raises(ValueError, match=f"--mask_label is '{text}', but labels are above 0"):
            Choices.parse({"mask_label": text}, where)
    with pytest.raises(ValueError, match="--channel_threshold is '127', but must look like membrane:NUMBER"):
        Choices.parse({"channel_threshold": "127"}, where)
    with pytest.raises(ValueError, match="--mask_label and --mask_threshold are both given for the cell mask"):
        Choices.parse({"mask_label": "1", "mask_threshold": "cell:0.5"}, where)


def test_a_channel_that_the_user_calls_a_segmentation():
    soft = np.array([[[0, 64, 200, 255]]], np.uint8)
    choices = Choices(channel_threshold={"membrane": 127})
    np.testing.assert_array_equal(choices.channel(soft, "membrane"), [[[0, 0, 1, 1]]])
    assert choices.channel(soft, "nucleus") is soft


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.uint64, np.float32, np.float64])
def test_whole_numbers_of_any_type_are_labels(dtype):
    drawn = draw((20, 30), {3: [(2, 8, 2, 8)], 200 if dtype == np.uint8 else 3000: [(10, 16, 10, 16)]})
    labels, mask = label_image(drawn.astype(dtype), "cell")
    assert labels.dtype.kind in "ui" and labels.shape == (1, 20, 30) and not mask
    np.testing.assert_array_equal(labels, drawn)


@pytest.mark.parametrize("inside", [True, np.uint8(255), 1.0])
def test_a_mask_is_divided_into_its_pieces(inside):
    drawn = draw((20, 30), {1: [(2, 8, 2, 8)], 2: [(8, 16, 8, 16)], 3: [(2, 6, 20, 26)]})
    labels, mask = label_image((drawn > 0) * inside, "nucleus")
    assert mask
    np.testing.assert_array_equal(labels, np.where(drawn == 2, 1, np.where(drawn == 3, 2, drawn)))  # 1 and 2 touch


def test_one_label_in_one_piece_is_no_mask():
    drawn = draw((20, 30), {5: [(2, 8, 2, 8)]})
    labels, mask = label_image(drawn, "cell")
    assert not mask and set(np.unique(labels)) == {0, 5}


def test_probabilities_with_a_threshold_are_divided_into_pieces():
    labels, mask = label_image(np.where(TWO > 0, 0.7, 0.2), "cell", threshold=0.5)
    assert mask
    np.testing.assert_array_equal(labels, TWO)


def test_some_labels_in_pieces_are_no_picture():
    drawn = draw((20, 30), {1: [(2, 8, 2, 8), (10, 12, 2, 8)], 2: [(10, 16, 10, 16)], 3: [(2, 6, 20, 26)]})
    np.testing.assert_array_equal(label_image(drawn, "nucleus")[0], drawn)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((1, 20, 30), int), "label image of cells is empty"),
        (np.full((1, 20, 30), 0.5), r"not whole numbers, 0\.5: .*--mask_threshold=cell:NUMBER"),
        (SMOOTH, "not whole numbers"),
        (np.full((1, 20, 30), np.nan), "NaN or infinite"),
        (np.full((1, 20, 30), -1), "negative values, down to -1"),
        (np.full((1, 20, 30), 1j), "complex"),
        (np.random.default_rng(0).poisson(100, (1, 40, 40)), r"\d+ values, .* are in several pieces or specks: a pict"),
        (np.random.default_rng(0).integers(1, 1 << 16, (1, 40, 40)), "several pieces or specks"),
        (np.arange(1200).reshape(1, 30, 40), "several pieces or specks"),
        (np.rint(255 * SMOOTH).astype(np.uint8), "in several pieces or specks: a picture, probabilities"),
        (
            draw((9, 30), {1: [(1, 4, 1, 4), (1, 4, 9, 12)], 2: [(5, 8, 1, 4), (5, 8, 9, 12)]}),
            "2 values, 1, 2.*classes",
        ),
    ],
)
def test_arrays_that_are_no_labels_are_refused(labels, message):
    with pytest.raises(MaskError, match=message):
        label_image(labels, "cell")


def test_masks_of_real_cells(real_data):
    """Those of `multiplexed` are binary; those of `hela3d` have soft edges, and need a threshold."""
    for folder in ("bbbc021", "nf1", "daoy", "jump"):
        cell = read_manifest(real_data / "multiplexed" / folder / "manifest.csv")[0].load()
        assert binary_mask(cell.cell_mask, "cell").any() and binary_mask(cell.nucleus_mask, "nucleus").any()
    with pytest.raises(MaskError, match="cell mask has several values .* give the manifest a column mask_label"):
        read_manifest(real_data / "hela3d" / "manifest.csv")[0].load()

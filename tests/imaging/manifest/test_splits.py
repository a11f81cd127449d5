"""Splits: exact shares, whole fields of view, and a cell in each split wherever there are three fields."""

import collections

import pytest

from icell_tf.imaging.manifest.splits import split_fields


def sizes(fields, assigned):
    return collections.Counter(assigned[field] for field in fields)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(280, 1 / 7, 40), (100, 0.05, 5), (157, 0.05, 8), (3, 0.05, 1)]
)
def test_shares_are_exact_where_each_cell_is_a_field(count, share, expected):
    fields = [f"f{i}" for i in range(count)]
    found = sizes(fields, split_fields(fields, share, share, "tom20"))
    assert found == {"validation": expected, "test": expected, "train": count - 2 * expected}


def test_fields_are_never_divided_and_shares_nearly_met():
    fields = [f"f{i % 40}" for i in range(200)] + [f"big{i % 2}" for i in range(20)]
    assigned = split_fields(fields, 0.1, 0.25, "s")
    assert set(assigned) == set(fields)
    found = sizes(fields, assigned)
    assert abs(found["test"] - 55) <= 10 and abs(found["validation"] - 22) <= 10


@pytest.mark.parametrize("count", range(3, 12))
@pytest.mark.parametrize("shares", [(0.1, 0.25), (0.01, 0.01), (0.45, 0.45)])
def test_three_fields_give_a_cell_to_each_split(count, shares):
    fields = [f"f{i}" for i in range(count)]
    assert set(split_fields(fields, *shares, "s").values()) == {"train", "validation", "test"}


def test_fewer_fields_fill_fewer_splits():
    assert sorted(split_fields(["a", "b"], 0.1, 0.25, "s").values()) == ["test", "train"]
    assert split_fields(["a", "a"], 0.1, 0.25, "s") == {"a": "train"}


def test_zero_leaves_a_split_out():
    fields = [f"f{i}" for i in range(10)]
    assert sizes(fields, split_fields(fields, 0, 0.2, "s")) == {"train": 8, "test": 2}


def test_assignment_depends_on_ids_and_structure_only():
    fields = [f"f{i}" for i in range(50)]
    assert split_fields(fields, 0.1, 0.2, "a") == split_fields(fields[::-1], 0.1, 0.2, "a")
    assert split_fields(fields, 0.1, 0.2, "a") != split_fields(fields, 0.1, 0.2, "b")


@pytest.mark.parametrize("shares", [(-0.1, 0.2), (0.5, 0.5), (0.2, 1.0)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ValueError, match="validation_fraction"):
        split_fields(["a"], *shares, "s")

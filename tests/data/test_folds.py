"""Folds: every cell in one part, no field of view in two."""

import numpy as np
import pytest

from icell_tf.data.folds import held_out


@pytest.fixture(scope="module")
def fields():
    """The labels of 240 cells of three structures, in 60 fields of view with one to seven cells each."""
    rng = np.random.default_rng(0)
    fov = np.sort(rng.integers(0, 60, 240))
    names = np.array([f"cell-{i}" for i in range(240)])
    return {"cell_id": names, "fov_id": np.array([f"field-{i}" for i in fov]), "structure": fov % 3}


def test_folds_are_disjoint_cover_all_cells_and_never_split_a_field(fields):
    parts = [held_out(fields, f"{part}/4") for part in (1, 2, 3, 4)]
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)
    for part in parts:
        assert not set(fields["fov_id"][part]) & set(fields["fov_id"][~part])
        shares = [part[fields["structure"] == k].mean() for k in range(3)]
        np.testing.assert_allclose(shares, 0.25, atol=0.04)


def test_a_fold_does_not_depend_on_the_order_of_the_records(fields):
    order = np.random.default_rng(1).permutation(240)
    shuffled = {name: values[order] for name, values in fields.items()}
    np.testing.assert_array_equal(held_out(shuffled, "2/4"), held_out(fields, "2/4")[order])


def test_more_parts_than_fields_of_view_are_refused(fields):
    with pytest.raises(ValueError, match="fold 1/30: .*30 fields of view"):
        held_out(fields, "1/30")

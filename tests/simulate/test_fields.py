"""Fields of simulated cells: every cell stands where its labels are, as it is in its own stack."""

import numpy as np

from icell_tf.simulate import simulate_cell
from icell_tf.simulate.fields import simulate_field


def test_each_cell_stands_in_the_field_as_alone():
    field = simulate_field((4, 5, 6), (8, 8, 1), 1.2)
    assert np.unique(field.cells).tolist() == [0, 1, 2, 3] and np.unique(field.nuclei).tolist() == [0, 98, 99, 100]
    assert field.channels.shape == (3, *field.cells.shape) and field.scale == field.alone[0].scale
    for i, (seed, y) in enumerate(((4, 8), (5, 8), (6, 1))):
        alone = simulate_cell(seed, y, 1.2)
        np.testing.assert_array_equal(field.channels[:, field.cells == i + 1], alone.channels[:, alone.cell_mask])
        assert (field.nuclei == 100 - i).sum() == alone.nucleus_mask.sum()


def test_a_field_without_cells_is_dark():
    field = simulate_field((4,), (8,), 1.2)
    empty = field.channels[:, :, 0]
    assert abs(empty.mean() - 107) < 1 and empty.std() < 5

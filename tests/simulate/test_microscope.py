"""The depth of focus of the microscope."""

import numpy as np
import pytest

from icell_tf.simulate import expected_structure, simulate_cell
from icell_tf.structures import NAMES


def test_a_deeper_focus_blurs_the_same_molecules_along_z_alone():
    sharp, usual, deep = (
        simulate_cell(3, NAMES.index("tom20"), 1.2, 1.2, psf_sigma_z=sigma) for sigma in (0.17, 0.55, 2.0)
    )
    same = simulate_cell(3, NAMES.index("tom20"), 1.2, 1.2)
    np.testing.assert_array_equal(usual.channels, same.channels)
    for first, second in zip(usual.signals, same.signals, strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(sharp.cell_mask, deep.cell_mask)

    def detail_along_z(volume):
        along_z, along_x = (np.square(np.diff(volume, axis=axis)).sum() for axis in (0, 2))
        return along_z / along_x

    details = [detail_along_z(cell.signals[2]) for cell in (sharp, usual, deep)]
    assert details[0] > 1.2 * details[1] > 1.5 * details[2]
    expected = [expected_structure(cell, NAMES.index("tom20"), 2, projected=False) for cell in (sharp, deep)]
    assert detail_along_z(expected[0]) > 1.5 * detail_along_z(expected[1])
    with pytest.raises(ValueError, match="psf_sigma_z >= 0 µm, but found -1"):
        simulate_cell(3, 0, 1.2, psf_sigma_z=-1)

import numpy as np

from benchmarks.accelerator import cells
from icell_tf.imaging.frame.frame import Frame
from icell_tf.structures import STRUCTURES


def test_structures_have_the_shares_of_table_s8():
    train = [structure.train for structure in STRUCTURES]
    assert np.bincount(cells.structures_of(sum(train))).tolist() == train
    few = cells.structures_of(100)
    assert few.dtype == np.int32 and len(few) == 100
    assert np.abs(np.bincount(few, minlength=10) - 100 * np.array(train) / sum(train)).max() < 1.5


def test_a_picture_is_in_its_frame_or_there_is_none():
    image = cells.picture(3, 8, Frame((32, 32), (1.2, 1.2)))
    assert image.shape == (32, 32, 3) and image.dtype == np.uint8 and image.max() > 200
    assert cells.picture(3, 8, Frame((4, 4), (1.2, 1.2))) is None

import math

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from icell_tf.evaluation.metrics.scores import Part, Score
from icell_tf.reports import tensorboard


def test_scores_and_pictures_replace_those_of_an_earlier_evaluation(tmp_path):
    r = Score("r", 0.75, 40, (0.7, 0.8), landmarks={"ceiling": 0.9}, structure="tom20")
    parts = [Part("integration", "Integration", "", (r, Score("x", math.nan, 0)))]
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    tensorboard.write(tmp_path, 3, [Part("old", "Old", "", (Score("gone", 1, 1),))])
    tensorboard.write(tmp_path, 7, parts, {"Figure 2": picture})
    assert len(list((tmp_path / "evaluation").iterdir())) == 1
    events = EventAccumulator(str(tmp_path / "evaluation"))
    events.Reload()
    found = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    assert set(found) == {"Integration/tom20_r", "Integration", "Figure 2"}
    (scalar,) = found["Integration/tom20_r"]
    assert scalar.step == 7 and tf.make_ndarray(scalar.tensor_proto) == 0.75
    table = tf.make_ndarray(found["Integration"][0].tensor_proto).item().decode()
    assert "| tom20_r | 0.75 | 0.7 to 0.8 | 40 cells | ceiling 0.9 |" in table and "| x | nan |" in table
    encoded = tf.make_ndarray(found["Figure 2"][0].tensor_proto)[2]
    np.testing.assert_array_equal(tf.io.decode_png(encoded), picture)

"""What a run keeps: curves, last and best weights, and nothing of an epoch that broke down."""

import numpy as np
import pytest

from icell_tf.checkpoints import BEST, HISTORY, LAST, SaveRun, TrainingError, read_history
from icell_tf.config import ConfigError


class Model:
    """Writes its one weight as text."""

    weight = 0

    def save_weights(self, path, overwrite):
        path.write_text(str(self.weight))


def train(callback, losses, first=0, name="val_reconstruction"):
    """Epochs with these losses; each leaves its own weight."""
    callback.set_model(Model())
    for epoch, loss in enumerate(losses, first):
        callback.model.weight = epoch
        callback.on_epoch_end(epoch, {"reconstruction": np.float32(0.5), name: np.float32(loss)})


def kept(folder):
    return (folder / LAST).read_text(), (folder / BEST).read_text()


def test_best_weights_are_those_with_the_lowest_monitored_loss(tmp_path):
    train(SaveRun(tmp_path, "val_reconstruction"), [3.0, 1.0, 2.0])
    assert kept(tmp_path) == ("2", "1")
    assert [row["val_reconstruction"] for row in read_history(tmp_path)] == [3.0, 1.0, 2.0]
    assert [row["epoch"] for row in read_history(tmp_path)] == [0, 1, 2]


def test_without_validation_the_last_weights_are_the_best(tmp_path):
    train(SaveRun(tmp_path, "val_reconstruction"), [1.0, 2.0], name="encoder")
    assert kept(tmp_path) == ("1", "1")


def test_a_resumed_run_remembers_its_best_and_forgets_a_lost_epoch(tmp_path):
    train(SaveRun(tmp_path, "val_reconstruction"), [3.0, 1.0, 0.5])
    train(SaveRun(tmp_path, "val_reconstruction", completed=2), [2.0], first=2)
    assert [row["val_reconstruction"] for row in read_history(tmp_path)] == [3.0, 1.0, 2.0]
    train(SaveRun(tmp_path, "val_reconstruction", completed=3), [1.5, 0.9], first=3)
    assert kept(tmp_path) == ("4", "4")


def test_curves_may_gain_a_metric(tmp_path):
    train(SaveRun(tmp_path, "val_reconstruction"), [3.0])
    train(SaveRun(tmp_path, "val_reconstruction", completed=1), [2.0], first=1, name="integration")
    first, second = read_history(tmp_path)
    assert "integration" not in first and second["integration"] == 2.0


@pytest.mark.parametrize("content", [b"epoch,loss\nx,y\n", b"loss\n1\n", b"epoch,loss\n1,2,3\n", b"\xff\xfe\n1\n"])
def test_damaged_curves_are_refused_by_name(tmp_path, content):
    (tmp_path / HISTORY).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{HISTORY} is damaged"):
        read_history(tmp_path)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_an_epoch_that_breaks_down_ends_the_run_and_is_not_written(tmp_path, loss):
    with pytest.raises(TrainingError, match="val_reconstruction became NaN or infinite in epoch 2.*--learning_rate"):
        train(SaveRun(tmp_path, "val_reconstruction"), [3.0, loss])
    assert kept(tmp_path) == ("0", "0")
    assert len(read_history(tmp_path)) == 1


def test_a_run_without_curves_has_none(tmp_path):
    assert read_history(tmp_path) == []

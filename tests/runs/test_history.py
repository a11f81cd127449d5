"""Reading the curves of a run."""

import pytest

from icell_tf.config import ConfigError
from icell_tf.runs.history import HISTORY, read_history


@pytest.mark.parametrize("content", [b"epoch,loss\nx,y\n", b"loss\n1\n", b"epoch,loss\n1,2,3\n", b"\xff\xfe\n1\n"])
def test_damaged_curves_are_refused_by_name(tmp_path, content):
    (tmp_path / HISTORY).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{HISTORY} is damaged"):
        read_history(tmp_path)


def test_a_run_without_curves_has_none(tmp_path):
    assert read_history(tmp_path) == []

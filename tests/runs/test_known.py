"""known.npz: what is written is read again, for the weights that it is about."""

import dataclasses

import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.runs.known import KNOWN_FILE, Known, described, read_known

ACCEPTED = {"value": 0.95, "interval": [0.9, 0.975], "n": 40}
REJECTED = {"value": 0.5, "interval": [0.25, 0.75], "n": 8, "structures": ["tom20", "zo1"]}
KNOWN = Known(np.eye(3, dtype=np.float32), 1.5, 0.96, {"accepted": ACCEPTED, "rejected": None})


@pytest.fixture
def classifier(make_integrator):
    return make_integrator().networks.enc_rs


@pytest.mark.parametrize("rejected", [None, REJECTED])
def test_it_is_read_as_it_was_written_and_replaces_an_earlier_one(classifier, tmp_path, rejected):
    assert read_known(tmp_path, classifier) is None
    KNOWN.save(tmp_path, classifier)
    known = dataclasses.replace(KNOWN, threshold=2.5, rates=KNOWN.rates | {"rejected": rejected})
    assert known.save(tmp_path, classifier) == tmp_path / KNOWN_FILE
    found = read_known(tmp_path, classifier)
    np.testing.assert_array_equal(found.logits, known.logits)
    assert found.logits.dtype == np.float32 and found.about == known.about
    assert found.about["threshold"] == 2.5 and list(tmp_path.iterdir()) == [tmp_path / KNOWN_FILE]


def test_a_file_about_other_weights_is_left_out_with_a_line(classifier, make_integrator, tmp_path, capsys):
    KNOWN.save(tmp_path, classifier)
    assert read_known(tmp_path, classifier) and not capsys.readouterr().out
    other = make_integrator(architecture="released").networks.enc_rs
    assert read_known(tmp_path, other) is None
    line = capsys.readouterr().out
    assert f"{tmp_path / KNOWN_FILE} is left out" in line and "--parts=unseen" in line


@pytest.mark.parametrize("content", [b"", b"no archive", b"half"])
def test_a_damaged_file_is_refused(classifier, tmp_path, content):
    path = KNOWN.save(tmp_path, classifier)
    path.write_bytes(path.read_bytes()[:200] if content == b"half" else content)
    with pytest.raises(ConfigError, match=f"{path} is damaged.*icell evaluate --model={tmp_path} --parts=unseen"):
        read_known(tmp_path, classifier)


def test_rates_are_told_with_their_intervals():
    told = "by a threshold that accepts 95.0% (90.0% to 97.5%) of 40 test cells with known structures"
    assert described(KNOWN.about) == told
    assert described(KNOWN.about | {"rates": {"accepted": ACCEPTED, "rejected": REJECTED}}) == (
        f"{told} and rejects 50.0% (25.0% to 75.0%) of 8 test cells with tom20, zo1, left out of training"
    )

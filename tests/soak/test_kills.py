"""Real processes killed, or out of disk space, at random moments end as one that was not: `make soak`, minutes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import tensorflow as tf

from icell_tf.data.prepared import PreparedCells
from icell_tf.reports import model_card
from icell_tf.runs import history, weights

from ..building import build_tiny_3d

pytestmark = pytest.mark.soak

KILLS, TERMINATIONS = 12, 4
PHASES = ("reference", "conditional", "sampler")
TRAIN = """
import os
import resource
from icell_tf.cli import command
from icell_tf.config import ConditionalConfig, ReferenceConfig, SamplerConfig
from icell_tf.reports import model_card
from icell_tf.training import experiment, loop

if "LARGEST_FILE" in os.environ:  # what is larger can't be written, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LARGEST_FILE"]),) * 2)
loop.SAVE_SECONDS = 0  # saves after every step, so that many kills come while it saves

def main(argv):
    phase, dataset, run_dir, before_dir, epochs, batch_size = argv[1:]
    settings = dict(dataset=dataset, mirror=True, epochs=int(epochs), batch_size=int(batch_size), width=1 / 16)
    of_phases_1_and_2 = dict(settings, architecture="released", latent_dim=4)
    if phase == "reference":
        experiment.train_reference(ReferenceConfig(**of_phases_1_and_2), run_dir, card=model_card)
    elif phase == "conditional":
        config = ConditionalConfig(standardize=True, **of_phases_1_and_2)
        experiment.train_conditional(config, before_dir, run_dir, card=model_card)
    else:
        experiment.train_sampler(SamplerConfig(**settings), before_dir, run_dir, card=model_card)

command.start(main)
"""


def command(prepared, phase, run_dir, before_dir, epochs, batch_size):
    """The command that trains a phase on the run of the one before, and ends as train/*.py do."""
    return [sys.executable, "-c", TRAIN, phase, *map(str, (prepared.folder, run_dir, before_dir, epochs, batch_size))]


def before(folder, phase):
    """The run of the phase before, which lies in the same folder; of phase 1 none."""
    place = PHASES.index(phase)
    return folder / PHASES[place - 1] if place else ""


def start(prepared, phase, run_dir, before_dir="", **environment):
    """A process that trains, once it is about to take its first step."""
    process = subprocess.Popen(
        command(prepared, phase, run_dir, before_dir, epochs=6, batch_size=8),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUNBUFFERED": "1", **environment},
    )
    for line in process.stdout:
        if "Computes in" in line:
            break
    return process


def finish(process):
    """Waits for the end of a process that was left alone."""
    out, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return out


def arrays_of(path):
    """{name in the file: array}, of everything in it: networks, optimizers, metrics."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def events(run_dir):
    """{folder: [(step, tag, bytes of the value)]} of TensorBoard's files, in order of their steps."""
    found = {}
    for path in sorted((run_dir / "tensorboard").glob("*/events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            rows = [(event.step, value.tag, value.tensor.SerializeToString()) for value in event.summary.value]
            found.setdefault(path.parent.name, []).extend(rows)
    return {name: sorted(rows) for name, rows in found.items()}


def assert_same_run(run_dir, other):
    """Last and best weights, moments, steps, curves and events are equal to the bit."""
    for name in (weights.LAST, weights.BEST):
        ours, theirs = arrays_of(run_dir / name), arrays_of(other / name)
        assert list(ours) == list(theirs)
        for key, values in ours.items():
            np.testing.assert_array_equal(values, theirs[key], err_msg=f"{name}: {key}")
    assert (run_dir / history.HISTORY).read_bytes() == (other / history.HISTORY).read_bytes()
    assert events(run_dir) == events(other)
    assert not list(run_dir.glob("partial*"))
    assert (run_dir / model_card.ENVIRONMENT_FILE).read_bytes() == (other / model_card.ENVIRONMENT_FILE).read_bytes()
    ours, theirs = ((folder / model_card.CARD_FILE).read_text() for folder in (run_dir, other))
    assert ours.partition("\n")[2] == theirs.partition("\n")[2]  # but the name


def is_saving(run_dir, since):
    """Whether a file is being written, or was when the process ended, that was begun after a time."""
    for path in run_dir.glob("partial*"):
        with contextlib.suppress(FileNotFoundError):  # it has got its name
            if path.stat().st_mtime > since:
                return True
    return False


@pytest.fixture(scope="module", params=["pictures", "volumes"])
def cells(request, prepared, tmp_path_factory):
    """A prepared data set."""
    if request.param == "pictures":
        return prepared
    return PreparedCells(build_tiny_3d(tmp_path_factory.mktemp("data")).data_dir)


@pytest.fixture(scope="module")
def whole(cells, tmp_path_factory):
    """A run of each phase that was never interrupted, and the seconds that it took from its first step."""
    folder, seconds = tmp_path_factory.mktemp("runs"), {}
    for phase in PHASES:
        process = start(cells, phase, folder / phase, before(folder, phase))
        begun = time.monotonic()
        finish(process)
        seconds[phase] = time.monotonic() - begun
    return folder, seconds


@pytest.mark.parametrize("phase", PHASES)
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(whole, cells, tmp_path, phase):
    folder, seconds = whole
    rng = random.Random(phase)
    sent, met_saving, started = {"SIGKILL": 0, "SIGTERM": 0}, 0, time.monotonic()
    signals = [signal.SIGKILL] * KILLS + [signal.SIGTERM] * TERMINATIONS
    rng.shuffle(signals)
    for count, number in enumerate(signals):
        process, begun = start(cells, phase, tmp_path / "run", before(folder, phase)), time.time()
        time.sleep(rng.uniform(0, seconds[phase] / len(signals)))
        while count % 2 and process.poll() is None and not is_saving(tmp_path / "run", begun):
            time.sleep(0.001)  # every other one meets it as it saves
        assert process.poll() is None, "the run was done too soon: give it more epochs"
        process.send_signal(number)
        process.communicate()
        sent[signal.Signals(number).name] += 1
        met_saving += is_saving(tmp_path / "run", begun)
    finish(start(cells, phase, tmp_path / "run", before(folder, phase)))
    assert_same_run(tmp_path / "run", folder / phase)
    print(
        f"\n{phase}: survived {sent['SIGKILL']} kills, {met_saving} of them while it saved, and {sent['SIGTERM']} "
        f"terminations in {time.monotonic() - started:.0f} s; nothing lost"
    )


def test_a_full_disk_ends_a_run_with_a_message_and_the_same_command_goes_on(whole, cells, tmp_path):
    folder, _ = whole
    process = start(cells, "reference", tmp_path / "run")
    while not (tmp_path / "run" / weights.PREVIOUS).exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    kept = (tmp_path / "run" / weights.LAST).read_bytes()

    process = start(cells, "reference", tmp_path / "run", LARGEST_FILE=str(len(kept) // 2))
    _, errors = process.communicate()
    assert process.returncode and "Error: " in errors
    assert "can't be written (" in errors and "the same command continues" in errors
    assert (tmp_path / "run" / weights.LAST).read_bytes() == kept
    finish(start(cells, "reference", tmp_path / "run"))
    assert_same_run(tmp_path / "run", folder / "reference")
    print("\nfull disk: 1 fault injected; nothing lost")

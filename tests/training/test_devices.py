"""TF_CONFIG read and refused; two processes, as on two machines, end with the weights of one, and the chief writes."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf.config import ConfigError, ReferenceConfig
from icell_tf.data import prepared
from icell_tf.models.adam import SkipCountingLossScaleOptimizer
from icell_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from icell_tf.runs import history, trained, weights
from icell_tf.training import devices, errors, experiment, rendezvous

TOLERANCE = 1e-5
SETTINGS = dict(width=1 / 16, latent_dim=4, batch_size=16, white_noise=0.0, learning_rate=1e-3)


def tf_config(hosts, index):
    return json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})


@pytest.mark.parametrize(
    ("content", "hosts", "index"),
    [
        ("", None, None),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, None, None),
        ({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "1"}}, ("a:1", "b:1"), 1),
        ({"cluster": {"worker": ["a:1"], "chief": ["c:1"]}, "task": {"type": "worker", "index": 0}}, ("c:1", "a:1"), 1),
        ({"cluster": {"worker": ["a:1"], "chief": ["c:1"]}, "task": {"type": "chief", "index": 0}}, ("c:1", "a:1"), 0),
    ],
)
def test_a_cluster_is_read_with_its_chief_first(content, hosts, index):
    found = devices.read_cluster(content and json.dumps(content))
    assert found == (hosts and devices.Cluster(hosts, index))


TWO = '{"cluster": {"worker": ["a:1", "b:1"]}'
FIRST = '"task": {"type": "worker", "index": 0}}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is '{', which can't be used"),
        ("[]", "can't be used"),
        ("{" + FIRST, "it lacks 'cluster'"),
        (TWO + "}", "it lacks 'task'"),
        (TWO + ', "task": {"type": "worker", "index": "x"}}', "invalid literal"),
        (TWO + ', "task": {"type": "worker", "index": 2}}', "task 2 of 'worker', but its cluster has 2 of 'worker'"),
        (TWO + ', "task": {"type": "chief", "index": 0}}', "task 0 of 'chief'"),
        ('{"cluster": {"worker": ["a:1", "b:99999"]}, ' + FIRST, "the address 'b:99999', but each machine needs"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, ' + FIRST, "a job 'ps'"),
        ('{"cluster": {"worker": ["a:1"], "evaluator": ["b:1"]}, ' + FIRST, "a job 'evaluator'"),
        ('{"cluster": {"worker": ["c:1"], "chief": ["a:1", "b:1"]}, ' + FIRST, "2 chiefs"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, ' + FIRST, "the address 'a:1'"),
        ('{"cluster": {"worker": ["a:1", "b"]}, ' + FIRST, "the address 'b'.*HOST:PORT"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(content, message, monkeypatch, prepared, tmp_path):
    monkeypatch.setenv(devices.VARIABLE, content)
    with pytest.raises(ConfigError, match=f"^the environment variable TF_CONFIG .*{message}.*Give it as .* unset it"):
        experiment.train_reference(ReferenceConfig(dataset=str(prepared.folder), epochs=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_alone_a_worker_is_the_chief_and_waits_for_nobody():
    alone = devices.Workers(tf.distribute.get_strategy())
    assert alone.is_chief and alone.gather([3, 4]).tolist() == [[3, 4]]
    assert alone.on_chief(lambda: 5) == 5
    with pytest.raises(KeyError):
        alone.together(lambda: {}["missing"])
    with pytest.raises(tf.errors.UnavailableError):  # of something else: nobody is lost
        with alone.explain_lost_worker():
            raise tf.errors.UnavailableError(None, None, "elsewhere")


def test_a_machine_waits_until_the_others_answer(monkeypatch):
    monkeypatch.setattr(rendezvous, "PAUSE", 0.05)
    own, other = free_hosts(2)
    waiting = threading.Thread(target=rendezvous.wait_for, args=([other], own, devices.VARIABLE), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    rendezvous.wait_for([own], other, devices.VARIABLE)  # the other machine, which finds the first and is found by it
    with socket.create_server(("127.0.0.1", int(other.rpartition(":")[2]))):  # as TensorFlow does then
        waiting.join(10)
    assert not waiting.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_a_machine_that_never_comes(monkeypatch, number):
    def stop(*_):
        raise errors.Stopped

    monkeypatch.setattr(rendezvous, "PAUSE", 0.05)
    before = signal.signal(number, stop)
    own, other = free_hosts(2)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
    timer.start()
    try:
        with pytest.raises(errors.Stopped):
            rendezvous.wait_for([other], own, devices.VARIABLE)
    finally:
        timer.join()
        signal.signal(number, before)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
def test_a_waiting_machine_answers_at_addresses_of_either_kind():
    port = free_hosts(1)[0].rpartition(":")[2]
    with rendezvous.listen(int(port)):
        assert rendezvous.answers(f"[::1]:{port}") and rendezvous.answers(f"127.0.0.1:{port}")


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0)) as held:
        own = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(errors.TrainingError, match=f"{own}, this machine's address in TF_CONFIG.*in use.*port"):
            rendezvous.wait_for(["127.0.0.1:1"], own, devices.VARIABLE)


def test_the_variable_is_named_before_the_wait_and_how_to_train_alone(monkeypatch, capsys):
    def wait(others, own, variable):
        raise errors.Stopped

    monkeypatch.setattr(devices, "wait_for", wait)
    monkeypatch.setenv(devices.VARIABLE, tf_config(["a:1", "b:1"], 0))
    with pytest.raises(errors.Stopped):
        devices.connect()
    assert re.search(
        "TF_CONFIG says that 2 machines.*waiting for .* b:1. To train .*env -u TF_CONFIG", capsys.readouterr().out
    )


def prior_of_batch(model, batch):
    """Draws that don't depend on where a cell's code is drawn."""
    return 4 * tf.reshape(batch["x"], [tf.shape(batch["x"])[0], -1])[:, 1400 : 1400 + model.latent_dim] - 1


def train(dataset, run_dir, epochs, patch):
    """Trains phase 1 by SGD, because Adam magnifies rounding."""
    compile_model = AdversarialAutoencoder.compile

    def compile_sgd(model, rate, *_, **__):
        compile_model(model, make_optimizer=lambda: keras.optimizers.SGD(rate))

    patch(AdversarialAutoencoder, "compile", compile_sgd)
    patch(AdversarialAutoencoder, "draw", prior_of_batch)
    experiment.train_reference(ReferenceConfig(dataset=dataset, epochs=epochs, **SETTINGS), run_dir)


def main(dataset, run_dir, other):
    """One of two workers; what isn't the chief is given another directory, in which it must not write."""
    workers = devices.connect()
    check_batches(workers, prepared.open_prepared(ReferenceConfig(dataset=dataset)))
    check_noise(workers)
    check_failures(workers)
    check_signals()
    check_overflow(workers)
    train(dataset, run_dir if workers.is_chief else other, 2, setattr)
    assert not Path(other).exists()
    print("done", workers.index)


def check_batches(workers, prepared):
    """Every worker sees its own part of the batches that one process sees, in order, also of a last partial one."""
    for batches in (prepared.training_batches(8, 3, 2, skip=1), prepared.batches("validation", 6)):
        whole = [batch["structure"].numpy() for batch in batches]
        for y, share in zip(whole, workers.distribute(batches), strict=True):
            (own,) = workers.strategy.experimental_local_results(share["structure"])
            np.testing.assert_array_equal(own, np.array_split(y, workers.count)[workers.index])


def check_noise(workers):
    from icell_tf.networks import noise

    @tf.function
    def draw():
        with noise.drawn_from(0, tf.constant(5)):
            return noise.normal([])

    drawn = workers.gather([int(1e6 * workers.strategy.run(draw).numpy())])
    assert drawn[0, 0] != drawn[1, 0]


def check_failures(workers):
    """What fails on one machine is told there, and on the others that it failed there."""
    with pytest.raises(OSError if workers.index else errors.TrainingError) as told:
        workers.together(lambda: fail() if workers.index else None)
    assert "full" in str(told.value) or "machine 2 (127.0.0.1:" in str(told.value)
    with pytest.raises(ConfigError, match="machine 2 .* was started with other flags than machine 1"):
        workers.check_equal("flags", workers.index)
    assert workers.of_chief(np.array([workers.index + 5])).tolist() == [5]
    assert workers.mean(np.array([workers.index], np.float32)).tolist() == [0.5]


def check_signals():
    """SIGTERM ends a process that has not begun to train: TensorFlow, which only notes it, doesn't catch it."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path("/proc/self/status").read_text())[1]
    assert not int(caught, 16) >> (signal.SIGTERM - 1) & 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def check_overflow(workers):
    """A gradient that overflows on one machine is applied on none."""
    with workers.strategy.scope():
        weight = keras.Variable([1.0])
        optimizer = SkipCountingLossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=4.0)
        optimizer.build([weight])

    @tf.function
    def step(gradient):
        workers.strategy.run(lambda one: optimizer.apply([one], [weight]), args=(gradient,))

    for gradients, skipped in (([np.inf, 1.0], 1), ([1.0, np.nan], 2)):
        step(tf.constant([gradients[workers.index]], tf.float32))
        assert float(weight.numpy()[0]) == 1 and int(optimizer.skipped.numpy()) == skipped
    step(tf.constant([1.0]))
    assert float(weight.numpy()[0]) == 0  # the two gradients' sum by the scale, which was halved twice


def fail():
    raise OSError("full")


def free_hosts(count):
    """Addresses of this machine whose ports nobody uses."""
    with contextlib.ExitStack() as sockets:
        held = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in held]


def test_two_workers_go_on_to_the_weights_of_one_and_the_chief_alone_writes(prepared, tmp_path, monkeypatch):
    dataset, one, two, other = str(prepared.folder), tmp_path / "one", tmp_path / "two", tmp_path / "other"
    with monkeypatch.context() as patch:
        train(dataset, one, 1, patch.setattr)
    shutil.copytree(one, two)
    hosts, command = free_hosts(2), [sys.executable, __file__, dataset, two, other]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    processes = [
        subprocess.Popen(command, env={**os.environ, devices.VARIABLE: tf_config(hosts, index)}, **pipes)
        for index in range(2)
    ]
    try:
        with monkeypatch.context() as patch:
            train(dataset, one, 2, patch.setattr)
        told = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for index, (out, _) in enumerate(told):
        assert f"done {index}" in out, "\n".join(out + errors[-3000:] for out, errors in told)
    assert "Resuming" in told[0][0] and "Epoch 2/2" in told[0][0] and "Epoch" not in told[1][0]

    assert names(two) == names(one)
    (ours, _), (theirs, _) = (trained.load_model(run_dir, weights.LAST) for run_dir in (two, one))
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE, err_msg=a.path)
    for a, b in zip(history.read_history(two), history.read_history(one), strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def names(folder):
    """Of all files, without what TensorBoard adds of time and process."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(file.parent if file.name.startswith("events") else file) for file in files)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What is shown of an epoch: a line for a log, and pictures in TensorBoard: when they are drawn, and of what."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf.inference.loading import integrator_of
from icell_tf.training import callbacks
from icell_tf.viz import figures

from ..models.conftest import LATENT, SIZE, STRUCTURES, make_model


def logged(folder):
    """[(step, name)] of the pictures in TensorBoard's files."""
    records = [record for path in folder.rglob("events*") for record in tf.data.TFRecordDataset(str(path))]
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in records]
    return [(event.step, value.tag) for event in events for value in event.summary.value]


@pytest.mark.parametrize(("every", "epochs", "drawn"), [(2, 5, [1, 3, 4]), (1, 2, [0, 1]), (9, 3, [2])])
def test_pictures_are_drawn_every_few_epochs_and_after_the_last(tmp_path, every, epochs, drawn):
    callback = callbacks.LogPictures(tmp_path, lambda: {"cells": np.zeros((4, 4, 3), np.uint8)}, every, epochs)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    assert logged(tmp_path) == [(epoch, "cells") for epoch in drawn]


@pytest.mark.parametrize(
    ("cooldown", "rates"), [(0.0, [1, 1, 1, 1]), (0.5, [1, 1, 1, 0.5]), (1.0, [1, 0.75, 0.5, 0.25])]
)
def test_the_learning_rate_falls_in_a_line_over_the_last_epochs(cooldown, rates):
    model = make_model("reference")
    model.compile(learning_rate=1.0)
    callback = callbacks.CoolDown(1.0, cooldown, epochs=4)
    callback.set_model(model)
    for epoch, rate in enumerate(rates):
        callback.on_epoch_begin(epoch)
        assert [float(optimizer.learning_rate) for optimizer in model.optimizers.values()] == [rate] * 4


def test_a_log_gets_a_line_of_the_main_curves_an_epoch(capsys, monkeypatch):
    clock = iter([10.0, 22.5, 30.0, 31.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    callback = callbacks.ShowEpochs(epochs=3)
    curves = {"reconstruction": 0.25, "encoder": 1.0, "val_reconstruction": 0.5, "classification_accuracy": 1.0}
    for epoch, logs in enumerate([curves, {"score_s": -0.125, "passed_s": 2.0}]):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1/3, 12.5 s: reconstruction 0.2500 (validation 0.5000), classification_accuracy 1.0000",
        "Epoch 2/3, 1.0 s: score_s -0.1250",
    ]


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    return {split: rng.random((2, SIZE, SIZE, 3), np.float32) for split in ("train", "validation")}


def test_reference_pictures_show_every_split_and_new_cells(cells):
    model = make_model("reference")
    drawn = callbacks.reference_pictures(model, cells)
    assert set(drawn) == {"reconstructed/train", "reconstructed/validation", "generated"}
    assert all(picture.dtype == np.uint8 and picture.shape[-1] == 3 for picture in drawn.values())
    for split, x_rs in cells.items():
        expected = figures.observed_over_reconstructed(x_rs[..., :2], model.reconstruct(x_rs[..., :2]))
        np.testing.assert_array_equal(drawn[f"reconstructed/{split}"], expected)


def test_conditional_pictures_also_show_every_structure(cells):
    model, labels = make_model("conditional"), {"train": np.array([0, 1]), "validation": np.array([2, 2])}
    names, integrator = model.spec.structures, integrator_of(model)
    drawn = callbacks.conditional_pictures(integrator, cells, labels)
    kinds = {f"{kind}/{split}" for kind in ("reconstructed", "predicted") for split in cells}
    assert set(drawn) == kinds | {"generated"}
    for split, x_rs in cells.items():
        predicted, texts = integrator.integrate(x_rs[..., :2])["structures"], [names[k] for k in labels[split]]
        assert predicted.shape[-1] == STRUCTURES
        expected = figures.integration_grid(x_rs, predicted, names, texts)
        np.testing.assert_array_equal(drawn[f"predicted/{split}"], expected)


def test_the_reference_model_reconstructs_and_generates():
    model, x_r = make_model("reference"), np.random.default_rng(0).random((2, SIZE, SIZE, 2), np.float32)
    x_r_hat = tf.sigmoid(model.dec(model.enc(x_r, training=False), training=False))
    np.testing.assert_array_equal(model.reconstruct(x_r), x_r_hat)
    first, again, other = (model.generate(3, seed) for seed in (0, 0, 1))
    assert first.shape == (3, SIZE, SIZE, 2) and model.latent_dim == LATENT
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()

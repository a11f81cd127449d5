"""Writes an Integrator as a SavedModel that TensorFlow Serving takes; `icell_tf.load` loads it."""

import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from icell_tf.inference.backends import DESCRIPTION_FILE
from icell_tf.inference.loading import versions_in

DEFAULT_DIRECTORY = "saved_models/integrator"
DEFAULT_SIGNATURE = "integrate"
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


def export_integrator(integrator, directory=DEFAULT_DIRECTORY, version=None):
    """Writes `directory`/VERSION as a SavedModel with one signature for each of the Integrator's functions.

    `integrate` is also the default signature, `serving_default`. Structure names, pixel size, image and code size lie
    in assets.extra/integrator.json. The version appears complete or not at all.

    Args:
      integrator: made from networks, not loaded from an export.
      directory: the model's folder, as TensorFlow Serving's `--model_base_path` takes it.
      version: a positive integer; by default one more than the highest there, 1 in a new folder.

    Returns:
      Path of the version's folder.

    Raises:
      ValueError: the Integrator was loaded from an export, which can't be exported again; or a version below 1.
      FileExistsError: the version exists: versions are never overwritten.
    """
    networks = integrator.networks
    directory = Path(directory)
    version = max(versions_in(directory), default=0) + 1 if version is None else version
    if version < 1:
        raise ValueError(f"--version is {version}, but TensorFlow Serving takes positive integers")
    target = directory / str(version)
    if target.exists():
        raise FileExistsError(f"{target} exists and is not overwritten: give another --version, or none for the next")
    directory.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=directory))
    try:
        functions = networks.functions
        signatures = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: functions[DEFAULT_SIGNATURE], **functions}
        tf.saved_model.save(_module(networks), temporary, signatures=signatures)
        description = temporary / DESCRIPTION_FILE
        description.parent.mkdir()
        description.write_text(networks.description.to_json(), encoding="utf-8")
        _write_warmup(integrator, temporary / WARMUP)
        temporary.chmod(0o755)  # mkdtemp makes it private, and a server may run as another user
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _module(networks):
    """Owns the variables: of those found by way of Keras objects, the session loader would miss some."""
    module = tf.Module(name="integrator")
    module.weights = networks.variables
    return module


def _write_warmup(integrator, path):
    """Writes a request of one empty cell, which TensorFlow Serving answers as it starts: the first user need not wait.

    The record is a `tensorflow.serving.PredictionLog`. It is put together here by its fields' numbers, because the
    package with its class, tensorflow-serving-api, pins TensorFlow.
    """
    size = integrator.image_size
    x_r = tf.make_tensor_proto(0.0, tf.float32, [1, size, size, 2]).SerializeToString()
    model_spec = _field(1, b"integrator") + _field(3, DEFAULT_SIGNATURE.encode())
    request = _field(1, model_spec) + _field(2, _field(1, b"x_r") + _field(2, x_r))  # PredictRequest
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_field(6, _field(1, request)))  # PredictionLog.predict_log.request


def _field(number, content):
    """A protobuf field of bytes, shorter than 128: key, length, content."""
    if len(content) > 127:
        raise ValueError(f"{len(content)} bytes need a longer length than the one byte written here")
    return bytes([number << 3 | 2, len(content)]) + content

"""Writes an Integrator as a SavedModel for TensorFlow Serving; `icell_tf.load` loads it."""

import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from icell_tf.inference.backends import DESCRIPTION_FILE, Networks
from icell_tf.inference.generators import Generators
from icell_tf.inference.loading import versions_in
from icell_tf.messages import system_error
from icell_tf.networks import plain_form

DEFAULT_DIRECTORY = "saved_models/integrator"
DEFAULT_SIGNATURE = "integrate"
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


def export_integrator(integrator, directory=DEFAULT_DIRECTORY, version=None):
    """Writes `directory`/VERSION as a SavedModel with one signature for each of the Integrator's functions.

    `integrate` is also the default signature, `serving_default`. The networks are exported in their plain form, so that
    the graph does not depend on the machine that exports. assets.extra/integrator.json has the description of
    the cells, the `CellSpec`, and the size of codes. A version appears complete or not at all.

    Args:
      integrator: made from networks, not loaded from an export.
      directory: the model's folder, which TensorFlow Serving takes as `--model_base_path`.
      version: a positive integer. None: one more than the highest version in the folder, 1 in a new folder.

    Returns: path of the version's folder.

    Raises:
      ValueError: the integrator was loaded from an export, or the version is below 1.
      FileExistsError: the version exists. Versions are never overwritten.
      OSError: it can't be written, as on a full disk.
    """
    networks = integrator.networks
    directory = Path(directory)
    version = max(versions_in(directory), default=0) + 1 if version is None else version
    if version < 1:
        raise ValueError(f"--version is {version}, but TensorFlow Serving takes positive integers")
    target = directory / str(version)
    if target.exists():
        raise FileExistsError(f"{target} exists and is not overwritten: give another --version, or none for the next")
    try:
        _write(integrator, networks, directory, target)
    except (OSError, tf.errors.OpError) as error:
        if found := system_error(error):
            raise OSError(found.errno, found.strerror, str(target)) from error
        raise
    return target


def _write(integrator, networks, directory, target):
    directory.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=directory))
    try:
        about, (enc_r, enc_rs, dec_rs, *drawing) = networks.description, map(plain_form, networks.networks)
        generators = Generators(about.spec, *drawing, networks.generators.mirrored) if drawing else None
        plain = Networks(about.spec, enc_r, enc_rs, dec_rs, about.mirrored, generators, about.from_targets)
        module = tf.Module(name="integrator")
        module.weights = plain.variables  # directly: the session loader misses some variables of Keras' objects
        default = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: plain.functions[DEFAULT_SIGNATURE]}
        tf.saved_model.save(module, temporary, signatures=default | plain.functions)
        description = temporary / DESCRIPTION_FILE
        description.parent.mkdir()
        description.write_text(about.to_json(), encoding="utf-8")
        _write_warmup(integrator, temporary / WARMUP)
        temporary.chmod(0o755)  # mkdtemp makes it private, and a server may run as another user
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_warmup(integrator, path):
    """Writes a request of one empty cell, which TensorFlow Serving answers when it starts. So no user has to wait.

    The record is a `tensorflow.serving.PredictionLog`. The package with this class, tensorflow-serving-api, requires
    another version of TensorFlow. So the record is written here by the numbers of its fields.
    """
    x_r = tf.make_tensor_proto(0.0, tf.float32, [1, *integrator.spec.reference_shape]).SerializeToString()
    model_spec = _field(1, b"integrator") + _field(3, DEFAULT_SIGNATURE.encode())
    request = _field(1, model_spec) + _field(2, _field(1, b"x_r") + _field(2, x_r))  # PredictRequest
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_field(6, _field(1, request)))  # PredictionLog.predict_log.request


def _field(number, content):
    """A protobuf field with at most 127 bytes: key, length, content."""
    if len(content) > 127:
        raise ValueError(f"a field of {len(content)} bytes needs more than the one byte for its length")
    return bytes([number << 3 | 2, len(content)]) + content

"""Writes an Integrator as a SavedModel for TensorFlow Serving; `icell_tf.load` loads it."""

from pathlib import Path

import tensorflow as tf

from icell_tf.export.folders import complete_folder, never_overwrite
from icell_tf.export.plain import plain_networks
from icell_tf.inference.backends import DESCRIPTION_FILE
from icell_tf.inference.loading import versions_in

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
    directory = Path(directory)
    version = max(versions_in(directory), default=0) + 1 if version is None else version
    if version < 1:
        raise ValueError(f"--version is {version}, but TensorFlow Serving takes positive integers")
    target = directory / str(version)
    never_overwrite(target, "give another --version, or none for the next")
    networks = plain_networks(integrator)
    with complete_folder(target) as folder:
        _write(networks, folder)
    return target


def _write(networks, folder):
    module = tf.Module(name="integrator")
    module.weights = networks.variables  # directly: the session loader misses some variables of Keras' objects
    default = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: networks.functions[DEFAULT_SIGNATURE]}
    tf.saved_model.save(module, folder, signatures=default | networks.functions)
    description = folder / DESCRIPTION_FILE
    description.parent.mkdir()
    description.write_text(networks.description.to_json(), encoding="utf-8")
    _write_warmup(networks.spec, folder / WARMUP)


def _write_warmup(spec, path):
    """Writes a request of one empty cell, which TensorFlow Serving answers when it starts. So no user has to wait.

    The record is a `tensorflow.serving.PredictionLog`. The package with this class, tensorflow-serving-api, is one more
    that would have to fit TensorFlow's version. So the record is written here by the numbers of its fields.
    """
    x_r = tf.make_tensor_proto(0.0, tf.float32, [1, *spec.reference_shape]).SerializeToString()
    model_spec = _field(1, b"integrator") + _field(3, DEFAULT_SIGNATURE.encode())
    request = _field(1, model_spec) + _field(2, _field(1, b"x_r") + _field(2, x_r))  # PredictRequest
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_field(6, _field(1, request)))  # PredictionLog.predict_log.request


def _field(number, content):
    """A protobuf field with at most 127 bytes: key, length, content."""
    if len(content) > 127:
        raise ValueError(f"a field of {len(content)} bytes needs more than the one byte for its length")
    return bytes([number << 3 | 2, len(content)]) + content

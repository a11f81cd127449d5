"""Writes an Integrator as a SavedModel for TensorFlow Serving, and loads models."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from icell_tf.inference.integrator import Integrator, Signatures
from icell_tf.networks import plain_form
from icell_tf.runs.run import CONFIG_FILE

DEFAULT_DIRECTORY = "saved_models/integrator"
DEFAULT_SIGNATURE = "integrate"
DESCRIPTION = Path("assets.extra", "integrator.json")
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


def export_integrator(integrator, directory=DEFAULT_DIRECTORY, version=None):
    """Writes `directory`/VERSION as a SavedModel with one signature for each of the Integrator's functions.

    `integrate` is also the default signature, `serving_default`. The networks are exported in their plain form, so that
    the graph does not depend on the machine that exports. assets.extra/integrator.json has the names of the structures
    and the sizes of pixels, images and codes. A version appears complete or not at all.

    Args:
      integrator: made from networks, not loaded from an export.
      directory: the model's folder, which TensorFlow Serving takes as `--model_base_path`.
      version: a positive integer. None: one more than the highest version in the folder, 1 in a new folder.

    Returns:
      Path of the version's folder.

    Raises:
      ValueError: the integrator was loaded from an export, or the version is below 1.
      FileExistsError: the version exists. Versions are never overwritten.
    """
    if integrator.signatures is None:
        raise ValueError("this Integrator was loaded from an export: copy that folder instead of exporting it again")
    directory = Path(directory)
    version = max(_versions(directory), default=0) + 1 if version is None else version
    if version < 1:
        raise ValueError(f"--version is {version}, but TensorFlow Serving takes positive integers")
    target = directory / str(version)
    if target.exists():
        raise FileExistsError(f"{target} exists and is not overwritten: give another --version, or none for the next")
    directory.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=directory))
    try:
        plain = _plain_form(integrator.signatures)
        module = tf.Module(name="integrator")
        module.weights = plain.variables  # directly: the session loader misses some variables of Keras' objects
        default = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: plain.functions[DEFAULT_SIGNATURE]}
        tf.saved_model.save(module, temporary, signatures=default | plain.functions)
        description = temporary / DESCRIPTION
        description.parent.mkdir()
        description.write_text(json.dumps(integrator.describe(), indent=2) + "\n", encoding="utf-8")
        _write_warmup(integrator, temporary / WARMUP)
        temporary.chmod(0o755)  # mkdtemp makes it private, and a server may run as another user
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def load_integrator(path):
    """Loads an Integrator from a training run of the conditional model, or from an export.

    Args:
      path: a run's folder; or a SavedModel, or the folder of its versions, of which the highest is loaded.

    Raises:
      ValueError: the folder is neither, or is a SavedModel of another origin.
      FileNotFoundError: there is no such folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"--model: there is no folder {path}: give a run's folder or an exported SavedModel")
    if (path / CONFIG_FILE).exists():
        from icell_tf.inference import loading  # here, because an export loads without the training code

        return loading.load_integrator(path)
    versions = _versions(path)
    folder = path / str(max(versions)) if versions else path
    if not (folder / "saved_model.pb").exists():
        raise ValueError(f"--model: {path} has no {CONFIG_FILE} (a run) and no saved_model.pb, but {_listing(path)}")
    description = folder / DESCRIPTION
    if not description.exists():
        raise ValueError(f"--model: {folder} lacks {DESCRIPTION}, so train/export.py did not write it; copy it whole")
    loaded = tf.saved_model.load(folder)
    return Integrator.from_saved_model(loaded, json.loads(description.read_text(encoding="utf-8")))


def _plain_form(signatures):
    """Returns the same functions, of the networks' plain form."""
    networks = map(plain_form, (signatures.enc_r, signatures.enc_rs, signatures.dec_rs))
    return Signatures(*networks, signatures.structures, signatures.mirrored)


def _write_warmup(integrator, path):
    """Writes a request of one empty cell, which TensorFlow Serving answers when it starts. So no user has to wait.

    The record is a `tensorflow.serving.PredictionLog`. The package with this class, tensorflow-serving-api, requires
    another version of TensorFlow. So the record is written here by the numbers of its fields.
    """
    size = integrator.image_size
    x_r = tf.make_tensor_proto(0.0, tf.float32, [1, size, size, 2]).SerializeToString()
    model_spec = _field(1, b"integrator") + _field(3, DEFAULT_SIGNATURE.encode())
    request = _field(1, model_spec) + _field(2, _field(1, b"x_r") + _field(2, x_r))  # PredictRequest
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_field(6, _field(1, request)))  # PredictionLog.predict_log.request


def _field(number, content):
    """A protobuf field with at most 127 bytes: key, length, content."""
    if len(content) > 127:
        raise ValueError(f"a field of {len(content)} bytes needs more than the one byte for its length")
    return bytes([number << 3 | 2, len(content)]) + content


def _versions(directory):
    if not directory.is_dir():
        return []
    return [int(child.name) for child in directory.iterdir() if child.name.isdecimal() and child.is_dir()]


def _listing(directory):
    return ", ".join(sorted(child.name for child in directory.iterdir())[:8]) or "an empty folder"

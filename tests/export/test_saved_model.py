"""Exports: their folders, their answers, and a graph that does not depend on the machine that exports."""

import collections
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from icell_tf.export import saved_model
from icell_tf.inference.loading import load
from icell_tf.networks import convolution

from ..conftest import LATENT, SIZE, SPEC, STRUCTURES

PLAIN_TENSORFLOW = """
import sys
import numpy as np
import tensorflow as tf
from tensorflow.python.tools import saved_model_cli

(folder,) = sys.argv[1:]
cells = np.load("cells.npy")
requests = {
    "serving_default": {"x_r": cells[..., :2]},
    "integrate": {"x_r": cells[..., :2]},
    "encode_reference": {"x_r": cells[..., :2]},
    "classify": {"x_rs": cells},
    "reconstruct": {"x_rs": cells},
    "sample": {"y": np.array([0, 2]), "seed": np.array([5, 6])},
}
results = {}
loaded = tf.saved_model.load(folder)
for name, request in requests.items():
    answer = loaded.signatures[name](**{key: tf.constant(value) for key, value in request.items()})
    results |= {f"v2/{name}/{key}": value.numpy() for key, value in answer.items()}

v1 = tf.compat.v1
with v1.Session(graph=v1.Graph()) as session:  # how TensorFlow Serving loads it
    with_signatures = v1.saved_model.loader.load(session, [v1.saved_model.tag_constants.SERVING], folder)
    for name, request in requests.items():
        signature = with_signatures.signature_def[name]
        feed = {signature.inputs[key].name: value for key, value in request.items()}
        fetch = {key: tensor.name for key, tensor in signature.outputs.items()}
        results |= {f"v1/{name}/{key}": value for key, value in session.run(fetch, feed).items()}
        for tensor in [*signature.inputs.values(), *signature.outputs.values()]:
            assert tensor.tensor_shape.dim[0].size == -1, f"{name}: {tensor.name} has no leading batch axis"
results = {key: value.astype(str) if value.dtype == object else value for key, value in results.items()}
np.savez("answers.npz", **results)
assert "icell_tf" not in sys.modules

np.save("x_r.npy", cells[..., :2])
command = ["run", "--dir", folder, "--tag_set", "serve", "--signature_def", "integrate"]
sys.argv = ["saved_model_cli", *command, "--inputs", "x_r=x_r.npy", "--outdir", "cli"]
sys.exit(saved_model_cli.main())  # the command saved_model_cli is this module's main
"""
OPTIONS = dict(architecture="released", mirrored=True)  # tests/inference/test_loading.py loads exports of both kinds


@pytest.fixture(scope="module")
def integrator(make_integrator):
    return make_integrator(**OPTIONS)


@pytest.fixture(scope="module")
def exported(make_export):
    return make_export(**OPTIONS)


@pytest.fixture(scope="module")
def cells():
    return np.random.default_rng(1).random((2, *SPEC.image_shape), np.float32)


def test_layout_and_description(exported):
    assert exported.name == "1"
    assert (exported / "saved_model.pb").is_file()
    description = json.loads((exported / "assets.extra" / "integrator.json").read_text())
    assert description == {
        "spec": SPEC.to_dict(),
        "latent_dim": LATENT,
        "mirrored": True,
        "sharp": False,
        "from_targets": False,
        "known": None,
    }
    assert [path.name for path in exported.parent.iterdir()] == ["1"]


def test_warmup_asks_for_one_empty_cell(exported):
    (record,) = tf.data.TFRecordDataset(str(exported / saved_model.WARMUP)).as_numpy_iterator()
    x_r = tf.make_tensor_proto(np.zeros((), np.float32), shape=[1, SIZE, SIZE, 2]).SerializeToString()
    assert record.endswith(x_r) and b"integrate" in record and b"x_r" in record
    assert record[:4] == bytes([6 << 3 | 2, len(record) - 2, 1 << 3 | 2, len(record) - 4])


def test_plain_tensorflow_session_loader_and_saved_model_cli_agree_with_the_integrator(
    integrator, exported, cells, tmp_path
):
    np.save(tmp_path / "cells.npy", cells)
    # In another folder, so that a checkout's icell_tf is not importable by accident of the working directory.
    command = [sys.executable, "-c", PLAIN_TENSORFLOW, str(exported)]
    subprocess.run(command, check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)
    expected = {
        "integrate": integrator.integrate(cells[..., :2]),
        "serving_default": integrator.integrate(cells[..., :2]),
        "encode_reference": integrator.encode_reference(cells[..., :2]),
        "classify": integrator.classify(cells),
        "reconstruct": integrator.reconstruct(cells),
        "sample": integrator.sample([0, 2], seed=[5, 6]),
    }
    with np.load(tmp_path / "answers.npz") as answers:
        found = dict(answers)
    for loader in ("v2", "v1"):
        for signature, values in expected.items():
            for key, value in values.items():
                name = f"{loader}/{signature}/{key}"
                np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
        for name in ("integrate", "classify"):
            assert found[f"{loader}/{name}/names"].tolist() == [list(STRUCTURES)] * len(cells)
    for key, value in expected["integrate"].items():
        np.testing.assert_allclose(np.load(tmp_path / "cli" / f"{key}.npy"), value, atol=1e-5)


@pytest.mark.parametrize(("signature", "name", "channels"), [("integrate", "x_r", 2), ("classify", "x_rs", 3)])
def test_images_of_another_shape_are_refused_by_the_graph(exported, signature, name, channels):
    loaded = tf.saved_model.load(exported)
    for shape in [(SIZE, SIZE, channels), (1, 2 * SIZE, 2 * SIZE, channels), (1, SIZE, SIZE, channels + 1)]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"Shape of tensor {name} .* is not compatible"):
            loaded.signatures[signature](**{name: tf.zeros(shape)})


def operations(folder):
    """Counts the operations of a SavedModel's graph by their types."""
    (graph,) = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    nodes = [*graph.graph_def.node, *(node for each in graph.graph_def.library.function for node in each.node_def)]
    return collections.Counter(node.op for node in nodes)


def test_the_graph_does_not_depend_on_the_machine_that_exports(make_integrator, cells, monkeypatch, tmp_path):
    monkeypatch.setattr(convolution, "_product_is_faster", lambda *_: True)  # also where networks are as tiny as here
    graphs = []
    for gpus in ([], ["a GPU"]):
        with monkeypatch.context() as patch:
            patch.setattr(tf.config, "list_physical_devices", lambda kind, gpus=gpus: gpus)
            integrator = make_integrator.__wrapped__()  # made anew
        in_memory = integrator.networks.functions["reconstruct"].get_concrete_function().graph.get_operations()
        assert ("ExtractImagePatches" in {operation.type for operation in in_memory}) == (not gpus)
        folder = saved_model.export_integrator(integrator, tmp_path)
        graphs.append(operations(folder))
        found = tf.saved_model.load(folder).signatures["reconstruct"](x_rs=tf.constant(cells))["x_rs_hat"]
        np.testing.assert_allclose(found, integrator.reconstruct(cells)["x_rs_hat"], atol=1e-5)
    assert graphs[0] == graphs[1]
    assert graphs[0]["Conv2D"] and not {"ExtractImagePatches", "FusedBatchNormV3"} & graphs[0].keys()


def test_versions_are_never_overwritten(integrator, exported, tmp_path):
    (tmp_path / "3").mkdir()
    assert saved_model.export_integrator(integrator, tmp_path).name == "4"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="--version"):
        saved_model.export_integrator(integrator, tmp_path, version=3)
    with pytest.raises(ValueError, match="positive"):
        saved_model.export_integrator(integrator, tmp_path, version=0)
    with pytest.raises(ValueError, match="copy its folder"):
        saved_model.export_integrator(load(exported), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupted_export_leaves_nothing(integrator, tmp_path, monkeypatch):
    def interrupted(_, folder, **__):
        Path(folder, "saved_model.pb").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_model.tf.saved_model, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        saved_model.export_integrator(integrator, tmp_path)
    assert list(tmp_path.iterdir()) == []

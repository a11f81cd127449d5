"""ONNX graphs: they answer as the functions do, from the same noise; their metadata; what is refused."""

import functools
import json
import re
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from icell_tf import __version__
from icell_tf.export import onnx as export
from icell_tf.export.plain import plain_networks

from ..conftest import LATENT, REPOSITORY, SPEC, STRUCTURES
from ..made_up import VOLUMES, knowing

FUNCTIONS = "integrate integrate_draw draw encode_reference encode classify reconstruct decode sample".split()
DRAWING = ("integrate_draw", "draw", "sample")
# What differs from a model with generators that is exported whole: codes that are drawn, means of poses, volumes.
CASES = [
    *(("drawing", function) for function in FUNCTIONS),
    *(("mirrored", function) for function in ("reconstruct", *DRAWING)),
    *(("volumes", function) for function in ("integrate", "integrate_draw")),
]
COUNT, LARGEST_DIFFERENCE = 10, 1e-4
DIFFERENT = 20 * LARGEST_DIFFERENCE


@pytest.fixture(scope="module")
def exported(make_model, tmp_path_factory):
    return export.export_onnx(make_model(), tmp_path_factory.mktemp("exported") / "onnx")


@pytest.fixture(scope="module")
def graph(make_model, exported, tmp_path_factory):
    """A function from a model's name and a function's to the model's `Networks` and the path of the graph."""
    folder = tmp_path_factory.mktemp("graphs")
    made = {
        "mirrored": lambda: make_model(draws=False, mirrored=True),
        "volumes": lambda: make_model(VOLUMES),
    }
    plain = functools.cache(lambda name: plain_networks(made[name]()))

    def find(name, function):
        if name == "drawing":
            return make_model().networks, exported / f"{function}.onnx"
        path = folder / f"{name}-{function}.onnx"
        if not path.exists():
            export.write_graph(plain(name), function, path)
        return made[name]().networks, path

    return find


def given(networks, function):
    """COUNT rows of each input of a function of `Networks`."""
    rng, inputs = np.random.default_rng(1), {}
    for spec in networks.inputs[function]:
        integers = {"y": len(networks.structures), "seed": 2**40, "draw": 9}
        if spec.name in integers:
            inputs[spec.name] = rng.integers(0, integers[spec.name], COUNT)
            if spec.name == "seed":
                inputs[spec.name][::2] *= -1  # a pose is a seed modulo the number of poses, also below 0
        else:
            inputs[spec.name] = rng.random((COUNT, *spec.shape[1:]), np.float32)
    return inputs


def with_noise(path, function, inputs):
    """The inputs of a graph: noise in place of seeds."""
    if function not in DRAWING:
        return inputs
    seeds = {name: inputs[name] for name in ("seed", "draw", "y") if name in inputs}
    cells = {name: values for name, values in inputs.items() if name not in ("seed", "draw")}
    return cells | export.noise_inputs(path, **seeds)


def answers(session, inputs):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize(("name", "function"), CASES)
def test_a_graph_answers_as_the_function_does(graph, name, function):
    networks, path = graph(name, function)
    session, inputs = onnxruntime.InferenceSession(path), given(networks, function)
    of_graph = with_noise(path, function, inputs)
    for count in range(1, COUNT + 1):
        expected = networks.functions[function](**{key: tf.constant(rows[:count]) for key, rows in inputs.items()})
        expected = {key: value.numpy() for key, value in expected.items() if value.dtype != tf.string}
        found = answers(session, {key: rows[:count] for key, rows in of_graph.items()})
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            assert found[key].shape == values.shape and found[key].dtype == np.float32
            assert np.abs(found[key] - values).max() <= LARGEST_DIFFERENCE, (key, count)
    assert all(value.std() > DIFFERENT for value in expected.values())  # else the comparison says little


def test_a_graph_says_which_cells_are_unknown_and_carries_the_threshold(make_model, tmp_path):
    cells = given(make_model().networks, "classify")["x_rs"]
    model, path = knowing(make_model(), cells), tmp_path / "classify.onnx"
    export.write_graph(plain_networks(model), "classify", path)
    session = onnxruntime.InferenceSession(path)
    expected, found = model.classify(cells), answers(session, {"x_rs": cells})
    assert found.keys() == expected.keys() == {"probabilities", "distance", "unknown"}
    for name in ("probabilities", "distance"):
        assert np.abs(found[name] - expected[name]).max() <= LARGEST_DIFFERENCE
    assert found["unknown"].dtype == bool and found["unknown"].sum() == COUNT / 2
    np.testing.assert_array_equal(found["unknown"], expected["unknown"])
    np.testing.assert_array_equal(answers(session, {"x_rs": cells[:1]})["unknown"], expected["unknown"][:1])
    assert json.loads(session.get_modelmeta().custom_metadata_map["known"]) == model.known


@pytest.mark.parametrize("name", ["drawing", "mirrored", "volumes"])
def test_other_noise_and_other_poses_give_other_draws(graph, name):
    networks, path = graph(name, "integrate_draw")
    inputs = with_noise(path, "integrate_draw", given(networks, "integrate_draw"))
    session = onnxruntime.InferenceSession(path)
    first = answers(session, inputs)["structures"]
    for key in inputs.keys() - {"x_r"}:
        others = inputs | {key: np.roll(inputs[key] + (key == "pose"), 1, axis=0)}
        assert np.abs(answers(session, others)["structures"] - first).max() > DIFFERENT, key


def test_the_folder_has_a_graph_for_each_function_and_the_description(exported, make_model):
    assert {path.name for path in exported.iterdir()} == {f"{name}.onnx" for name in FUNCTIONS} | {"integrator.json"}
    assert (exported / "integrator.json").read_text() == make_model().networks.description.to_json()
    assert list(make_model().networks.inputs) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_metadata_and_axes(exported, function):
    onnx.checker.check_model(exported / f"{function}.onnx", full_check=True)
    session = onnxruntime.InferenceSession(exported / f"{function}.onnx")
    found = session.get_modelmeta().custom_metadata_map
    assert (found.pop("function"), found.pop("icell_tf")) == (function, __version__)
    assert {name: json.loads(text) for name, text in found.items()} == {
        "structures": list(STRUCTURES),
        "spec": SPEC.to_dict(),
        "latent_dim": LATENT,
        "mirrored": False,
        "sharp": True,
        "from_targets": False,
        "known": None,
    }
    assert {tensor.shape[0] for tensor in (*session.get_inputs(), *session.get_outputs())} == {"batch"}
    assert {output.type for output in session.get_outputs()} == {"tensor(float)"}


def test_maps_of_all_structures_are_beside_each_other(exported):
    shapes = {}
    for function in ("draw", "integrate_draw"):
        session = onnxruntime.InferenceSession(exported / f"{function}.onnx")
        shapes[function] = {tensor.name: tensor.shape[1:] for tensor in session.get_inputs()}
    assert shapes["draw"].pop("y") == [] and shapes["draw"]["s_noise_0"] == [*SPEC.shape, 1]
    for name, shape in shapes["draw"].items():
        assert shapes["integrate_draw"][name] == ([3, *shape] if "noise" in name else shape)


def test_noise_is_refused_where_there_is_none_or_the_structures_are_missing(exported):
    with pytest.raises(ValueError, match="integrate.onnx takes no noise"):
        export.noise_inputs(exported / "integrate.onnx", [1])
    for y in (None, [0]):
        with pytest.raises(ValueError, match="give a y for each seed"):
            export.noise_inputs(exported / "sample.onnx", [1, 2], y=y)


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        ("integrate_draw", {"seed": 0}, "seed must be a list of integers, one a cell"),
        ("integrate_draw", {"seed": [0.5]}, "seed is .* must be integers"),
        ("integrate_draw", {"seed": [0], "draw": 0.5}, "draw is 0.5, but must be integers"),
        ("sample", {"seed": [0], "y": [3]}, r"y must be .* in 0\.\.2, but is \[3\]"),
        ("draw", {"seed": [0], "y": [-1]}, r"y must be .* in 0\.\.2, but is \[-1\]"),
        ("sample", {"seed": [0], "y": ["zo1"]}, "y is .*zo1.*, but must be integers"),
    ],
)
def test_noise_of_what_is_no_seed_and_no_structure_is_refused(exported, function, given, message):
    with pytest.raises(ValueError, match=message):
        export.noise_inputs(exported / f"{function}.onnx", **given)


def test_what_is_no_graph_is_refused_by_its_name(exported, tmp_path):
    (tmp_path / "half.onnx").write_bytes((exported / "sample.onnx").read_bytes()[:-100])
    for path in (tmp_path / "half.onnx", exported / "integrator.json"):
        with pytest.raises(ValueError, match=f"{path.name} is no ONNX graph, or a damaged one"):
            export.noise_inputs(path, [0], y=[0])


def test_the_code_of_the_guide_works_as_it_stands(exported, make_model, tmp_path, monkeypatch):
    page = (REPOSITORY / "docs" / "guides" / "onnx.md").read_text(encoding="utf-8")
    alone, with_icell = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    assert re.findall(r"^import (\w+)|^from (\w+)", alone, re.MULTILINE) == [
        ("json", ""),
        ("numpy", ""),
        ("onnxruntime", ""),
    ]
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "onnx").symlink_to(exported)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(alone + with_icell, names)
    model, x_r = make_model(), names["x_r"]
    np.testing.assert_allclose(names["structures"], model.integrate(x_r)["structures"], atol=LARGEST_DIFFERENCE)
    assert names["drawn"].shape == names["structures"].shape
    (drawn,) = names["session"].run(["structures"], {"x_r": x_r, **names["noise"]})
    *_, fourth = model.draw(x_r, count=4)
    np.testing.assert_allclose(drawn, fourth, atol=LARGEST_DIFFERENCE)


def test_a_folder_is_never_overwritten(make_model, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "write_graph", None)  # it is refused before any work
    for folder in (exported, tmp_path):
        before = sorted(folder.iterdir())
        with pytest.raises(FileExistsError, match="not overwritten"):
            export.export_onnx(make_model(), folder)
        assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("missing", ["onnx", "tf2onnx"])
def test_a_missing_package_is_named_before_any_work(make_model, exported, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    for refused in (
        lambda: export.export_onnx(make_model(), tmp_path / "new" / "onnx"),
        lambda: export.noise_inputs(exported / "sample.onnx", [1], y=[0]),
    ):
        with pytest.raises(ImportError, match=rf"{missing}.*pip install 'icell_tf\[onnx\]'"):
            refused()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_convert_is_refused(make_model, tmp_path, monkeypatch):
    networks = plain_networks(make_model())
    random = tf.random.stateless_normal
    drawn = lambda x_r: {"z_r": random([1, LATENT], tf.cast(tf.reshape(x_r, [-1])[:2], tf.int64))}  # noqa: E731
    monkeypatch.setattr(networks, "encode_reference", drawn)
    with pytest.raises(onnx.checker.ValidationError, match="StatelessRandom"):
        export.write_graph(networks, "encode_reference", tmp_path / "encode_reference.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_nothing(make_model, tmp_path, monkeypatch):
    def interrupted(networks, function, path):
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "write_graph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.export_onnx(make_model(), tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []

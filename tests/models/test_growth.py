"""A model with new structures: what it knows of the old ones is what the trained model knew."""

import dataclasses

import numpy as np
import pytest

from icell_tf import networks
from icell_tf.config import ARCHITECTURES, ConfigError
from icell_tf.models.growth import NETWORKS, copy_weights, grow

from .conftest import LATENT, NAMES, SPEC, VOLUME, assert_equal, make_batch, make_model, state
from .test_sampler import make_sampler

APPENDED = (*NAMES, "sec61b", "tjp1")
MIXED = "tjp1", NAMES[2], NAMES[0], "sec61b", NAMES[1]
REORDERED = NAMES[1], NAMES[2], NAMES[0]
WITHOUT_FIRST = "tjp1", NAMES[2], NAMES[1]


def trained(architecture, spec):
    """A conditional model after steps enough that all its outputs depend on their inputs."""
    model = make_model("conditional", architecture, spec=spec)
    model.compile(learning_rate=1e-2)
    for network in model.trained.values():
        networks.set_norm_momentum(network, 0.0)
    for seed in range(2):
        model.train_step(make_batch(seed=seed, spec=spec))
    return model


def answers(model, names):
    """What a model says of cells and codes, with logits only of given classes, in their order."""
    spec, x = model.spec, make_batch(spec=model.spec)["x"]
    rng = np.random.default_rng(0)
    codes = {name: rng.standard_normal((len(names), LATENT)).astype(np.float32) for name in ("z_r", "z_s")}
    y = np.eye(len(spec.structures), dtype=np.float32)[[spec.structures.index(name) for name in names]]
    coded = model.enc(x, training=False)
    classes = [spec.classes.index(name) for name in (*names, "generated")]
    return {
        "z_r": model.enc_r(spec.reference(x), training=False),
        "y_logits": coded["y_logits"].numpy()[:, classes[:-1]],
        "z_r_hat": coded["z_r_hat"],
        "z_s": coded["z_s"],
        "x_rs_hat": model.dec({"y": y, **codes}, training=False),
        "enc_d": model.enc_d(codes["z_s"], training=False),
        "dec_d": model.dec_d(x, training=False).numpy()[:, classes],
    }


@pytest.mark.parametrize("spec", [SPEC, VOLUME], ids=lambda spec: spec.axes)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("structures", [APPENDED, MIXED, REORDERED, NAMES], ids="appended mixed reordered same".split())
def test_old_structures_are_answered_as_before(structures, architecture, spec):
    old = trained(architecture, spec)
    new = make_model("conditional", architecture, spec=dataclasses.replace(spec, structures=structures))
    grow(new, old)
    expected, found = answers(old, NAMES), answers(new, NAMES)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
    for name in ("z_r", "z_r_hat", "z_s", "enc_d"):  # which no class has a part in
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert np.ptp(expected["y_logits"], axis=0).min() > 0.1 and np.ptp(expected["x_rs_hat"], axis=0).max() > 0.1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_both_know_is_answered_as_before_where_a_structure_is_left_out(architecture):
    old = trained(architecture, SPEC)
    new = make_model("conditional", architecture, spec=dataclasses.replace(SPEC, structures=WITHOUT_FIRST))
    for name in NETWORKS:
        copy_weights(getattr(new, name), new.spec, getattr(old, name), old.spec)
    expected, found = answers(old, NAMES[1:]), answers(new, NAMES[1:])
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_generators_and_critics_answer_as_before_for_what_both_know():
    old, new = make_sampler(), make_sampler(dataclasses.replace(SPEC, structures=WITHOUT_FIRST))
    rng = np.random.default_rng(0)
    for weight in old.gen_s.weights + old.critic_s.weights:
        weight.assign(weight + 0.05 * rng.random(weight.shape))  # of which some start at 0 for every structure
    networks = {"gen_s": lambda model: model.gen_s, "critic_s": lambda model: model.critic_s}
    started = {name: network_of(new).get_weights() for name, network_of in networks.items()}
    for network_of in networks.values():
        copy_weights(network_of(new), new.spec, network_of(old), old.spec)
    x = {name: rng.standard_normal((2, *tensor.shape[1:])) for name, tensor in old.gen_s.input.items()}
    found = []
    for model in (old, new):
        y = np.eye(3, dtype=np.float32)[[model.spec.structures.index(name) for name in NAMES[1:]]]
        drawn, judged = model.gen_s({**x, "y": y}), model.critic_s({"x": x["given"], "y": y})
        found.append([drawn.numpy(), judged.numpy()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        assert np.ptp(ours) > 1e-3
    for name, network_of in networks.items():  # what stands for tjp1 keeps its start
        pairs = zip(network_of(new).get_weights(), started[name], strict=True)
        kept = [np.array_equal(weight[0], before[0]) for weight, before in pairs]
        assert any(kept) and not all(kept)


def test_only_what_stands_for_a_new_class_keeps_its_start():
    """All weights of the old model are 7, which none is at the start."""
    old, new = (make_model("conditional", spec=dataclasses.replace(SPEC, structures=s)) for s in (NAMES, MIXED))
    for weight in old.weights:
        weight.assign(weight * 0 + 7)
    grow(new, old)
    kept = {network: [] for network in NETWORKS}
    for network in NETWORKS:
        for weight in getattr(new, network).weights:
            if (fresh := weight.numpy() != 7).any():
                expected = np.zeros(fresh.shape, bool)
                np.moveaxis(expected, 0 if network == "dec" else -1, 0)[[0, 3]] = True  # tjp1 and sec61b
                np.testing.assert_array_equal(fresh, expected)
                kept[network].append(weight.path.rpartition("/")[2])
    norm = ["beta", "gamma", "moving_mean", "moving_variance"]
    expected = {"enc": sorted(["kernel", "bias", *norm]), "dec": ["kernel"], "dec_d": ["bias", "kernel"]}
    assert {network: sorted(names) for network, names in kept.items() if names} == expected


def test_a_model_with_other_networks_or_cells_is_refused_and_nothing_is_copied():
    longer = dataclasses.replace(SPEC, structures=APPENDED)
    new = make_model("conditional", spec=longer)
    before = state(new)
    for old, message in (
        (make_model("conditional", spec=dataclasses.replace(longer, structures=(*APPENDED, "st6gal1"))), "st6gal1"),
        (make_model("conditional", spec=dataclasses.replace(SPEC, pixel_size=(1, 1))), "other cells: pixel_size was"),
        (make_model("conditional", "released"), "same architecture"),
    ):
        with pytest.raises(ConfigError, match=message):
            grow(new, old)
        assert_equal(before, state(new))

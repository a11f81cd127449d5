"""Models from a run's settings and the description of its cells."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf.config import ConditionalConfig, ReferenceConfig
from icell_tf.models.factory import build_model
from icell_tf.spec import CellSpec, Channel, Covariate, SpecError

SETTINGS = dict(width=1 / 16, latent_dim=4, architecture="released", dark_start=True)
CHANNELS = [Channel(name, "reference") for name in ("membrane", "nucleus", "nucleolus")]
SPEC = CellSpec("ZYX", (4, 16, 16), (1, 1, 1), ("actb", "lmnb1"), [*CHANNELS, Channel("structure", "structure")])


def run_of(phase, spec=SPEC):
    """What `build_model` reads of a run."""
    reference = ReferenceConfig(**SETTINGS)
    config = reference if phase == "reference" else ConditionalConfig(**SETTINGS)
    return SimpleNamespace(phase=phase, config=config, spec=spec, reference=reference)


def test_networks_have_the_shape_channels_and_classes_of_the_cells(phase):
    model = build_model(run_of(phase))
    image = (None, 4, 16, 16, 3 if phase == "reference" else 4)
    assert model.enc.input_shape == model.dec.output_shape == model.dec_d.input_shape == image
    assert model.dec_d.output_shape == (None, 1 if phase == "reference" else 3)
    assert model.classes == (() if phase == "reference" else ("actb", "lmnb1", "generated"))
    if phase == "conditional":
        assert model.enc_r.input_shape == (None, 4, 16, 16, 3)
        assert model.enc.output["y_logits"].shape == (None, 2)


@pytest.mark.parametrize(("means", "start"), [((-4.0, -3.0, -2.0, -1.0), [-4, -3, -2, -1]), (None, [0, 0, 0, 0])])
def test_the_decoder_starts_from_the_mean_of_each_of_its_channels(phase, means, start):
    bias = build_model(run_of(phase), means).dec.layers[-1].bias
    np.testing.assert_array_equal(bias, start[:-1] if phase == "reference" else start)


def test_covariates_are_refused_by_name(phase):
    spec = dataclasses.replace(SPEC, covariates=[Covariate("drug", "categorical", levels=("none", "taxol"))])
    with pytest.raises(SpecError, match="covariates .drug., which the networks do not take yet"):
        build_model(run_of(phase, spec))

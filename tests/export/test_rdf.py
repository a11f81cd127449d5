"""What rdf.yaml says of volumes, and names that bioimage.io takes."""

import pytest

from icell_tf.config import ConditionalConfig, ReferenceConfig, SamplerConfig
from icell_tf.export import rdf
from icell_tf.runs.run import Run
from icell_tf.spec import CellSpec

VOLUMES = CellSpec("ZYX", (16, 32, 64), (0.5, 0.2, 0.1), ("tom20", "zo1"))


def described(name):
    return rdf.describe(VOLUMES, Run("conditional", ConditionalConfig(), VOLUMES, "x/y", ReferenceConfig()), name, 5)


def test_volumes():
    content = described("a run")
    for tensor in (*content["inputs"], *content["outputs"]):
        space = [axis for axis in tensor["axes"] if axis["type"] == "space"]
        assert [(axis["id"], axis["size"], axis["scale"]) for axis in space] == [
            ("z", 16, 0.5),
            ("y", 32, 0.2),
            ("x", 64, 0.1),
        ]
    assert "3d" in content["tags"] and "2d" not in content["tags"]
    assert "axes batch, z, y, x, channel" in rdf.readme(VOLUMES, "", "a cell")


@pytest.mark.parametrize(
    "name, expected",
    [("small-conditional", "Integrated Cell small-conditional"), ("läuft/1.5", "Integrated Cell l-uft-1-5")],
)
def test_name_has_characters_that_are_allowed(name, expected):
    assert described(name)["name"] == expected


def test_name_is_not_too_long():
    assert len(described("a" * 200)["name"]) == 64


def test_readme_goes_without_a_card():
    assert rdf.readme(VOLUMES, "", "a cell").startswith("# The Integrated Cell\n")


def test_training_is_that_of_the_networks_in_the_package():
    before = dict(reference=ReferenceConfig(), conditional=ConditionalConfig(epochs=3))
    run = Run("sampler", SamplerConfig(epochs=7), VOLUMES, "x/y", **before)
    assert rdf.describe(VOLUMES, run, "a run", 5)["config"]["bioimageio"]["training"]["training_epochs"] == 3

"""The arguments of a build: which are refused, and which decide what a data set holds."""

import copy
import math

import pytest

from icell_tf.data.builder import config as module
from icell_tf.data.builder.config import IntegratedCellConfig
from icell_tf.imaging.frame.frame import Frame
from icell_tf.spec import Preparation
from icell_tf.structures import NAMES
from tests.building import STACKS, TINY_3D


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "paper"}, "kind is 'paper'.* simulated, stacks"),
        ({"image_size": 100}, "'stacks': image_size is 100, .* 100 x 100, expected powers of two"),
        ({"image_size": [8, 8]}, r"image_size is \[8, 8\], .* largest at least 16"),
        ({"image_size": "64"}, r"'stacks': image_size is '64' .* expected a whole number .* \[z, y, x\]"),
        ({"image_size": 32.0}, r"image_size is 32.0 .* expected a whole number"),
        ({"image_size": True}, r"image_size is True .* expected a whole number"),
        ({"image_size": [32]}, r"image_size is \[32\] .* expected a whole number"),
        ({"image_size": [8, 8, 8, 32]}, r"image_size is .* expected a whole number"),
        ({"pixel_size": "1"}, r"pixel_size '1': expected .* one number of µm"),
        ({"pixel_size": [1.0, 2.0, 2.0]}, r"image_size is 32 and pixel_size \[1.0, 2.0, 2.0\]: .* as long"),
        ({"image_size": [8, 32, 32], "pixel_size": [1.0, 2.0]}, "pixel_size .* as long"),
        ({"kind": "paper_2d", "image_size": [8, 32, 32]}, "paper_2d has pictures only"),
        ({"alignment": "minor_axis"}, "'stacks': .*alignment is 'minor_axis'.* major_axis, none"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"seed": 1}, "seed .*stacks.* simulated"),
        ({"expected_draws": 0}, "expected_draws .*stacks"),
        ({"kind": "paper_2d", "mask_threshold": 0.5}, "mask_threshold .*paper_2d.* stacks, hipsc_single_cell"),
        ({"mask_threshold": "soft"}, "'stacks': mask_threshold is 'soft', but must look like cell:NUMBER,nucleus:"),
        ({"kind": "paper_2d", "axes": "YX"}, "axes .*paper_2d.* stacks, hipsc_single_cell"),
        ({"kind": "simulated", "structures": ["tom20"]}, "structures .*simulated.* stacks, "),
        ({"kind": "simulated", "alignment": "none"}, "alignment .*simulated"),
        ({"kind": None}, "kind is None, expected one of"),
        ({"kind": ["stacks"]}, r"kind is \['stacks'\], expected one of"),
        ({"structures": None}, "structures is None, expected a list of names, such as"),
        ({"structures": "tom20"}, "structures is 'tom20', expected a list"),
        ({"structures": {"tom20": 1}}, "structures is {'tom20': 1}, expected a list"),
        ({"structures": ["tom20", 5]}, r"structures is \['tom20', 5\], expected a list"),
        ({"structures": ["tom20", " "]}, "structures has ' ', expected printable text"),
        ({"structures": ["tom20", "a\nb"]}, r"structures has 'a\\nb', expected printable text"),
        ({"structures": ["Generated"]}, "structures has 'Generated', which is what the model calls its own cells"),
        ({"structures": ["x" * 101]}, "structures has 'x+'... of 101 letters, expected 100"),
        ({"structures": ["TOMM20", "tom20"]}, "structures is .*different structures, each once"),
        ({"similar_names": True}, "similar_names is True, expected one of suspect, allow"),
        ({"kind": "simulated", "similar_names": "allow"}, "similar_names .*simulated"),
        *(
            ({"on_bad_cell": value}, "on_bad_cell is .* expected one of fail, skip")
            for value in (None, True, "Skip", [])
        ),
        *(
            ({name: value}, f"'stacks': .*{name} (is )?.*expected numbers of at least 0")
            for name in ("validation_fraction", "test_fraction")
            for value in ("0.1", None, math.nan, math.inf, -0.1, 1.5, 1, True, [0.1])
        ),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "a sum below 1"),
        *(
            ({"kind": "simulated", name: value}, f"{name} is .* expected a whole number from 0")
            for name in ("seed", "cells_per_structure", "expected_draws")
            for value in (-1, 1.5, "1", None, True, 2**31, math.nan)
        ),
        *(
            ({"name": name}, "name is .* expected 1 to 100 of a-z")
            for name in (
                "",
                "../x",
                "a/b",
                "..",
                ".hidden",
                "a b",
                "1.0.0",
                "x" * 101,
                "a:b",
                "a\n",
                5,
                None,
                "é",
                "-x",
            )
        ),
        ({"kind": "simulated", "pixel_size": 5.1}, "pixel_size is 5.1, expected numbers of µm from 0.001 to 2.5"),
        *(
            ({"pixel_size": value}, "pixel_size is .* expected numbers of µm from 0.001 to 100")
            for value in (0, -1.0, math.nan, math.inf, 1e9, 1e-9, 10**400, [1.0, 0.0], [1.0, math.nan])
        ),
        *(({"pixel_size": value}, "pixel_size .*: expected") for value in (None, "0.5", True, [1.0, "1"], {}, [])),
        *(
            ({"image_size": value}, "image_size is .*: expected")
            for value in (None, "64", 64.0, math.nan, [], {}, [32, "32"])
        ),
        *(
            ({"image_size": value}, "expected powers of two")
            for value in (0, -64, 63, 1024, 10**400, [32, 33], [4, 8, 8])
        ),
        *(
            ({"axes": value}, "axes is .* expected different letters of TCZYXS")
            for value in (None, 5, "CZ", "CCYX", "CZYQ")
        ),
        *(({"alignment": value}, "alignment is .* expected one of major_axis") for value in (None, True, [])),
        *(({"normalization": value}, "normalization is .* expected one of maximum") for value in (None, "max", 1)),
        ({"pixelsize": 1.0}, "'stacks': 'pixelsize' is no argument: did you mean pixel_size"),
        ({"colour": 3}, "'colour' is no argument: expected one of name, kind, image_size"),
        ({"version": "9.9.9"}, "version is '9.9.9', expected none"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        IntegratedCellConfig(**STACKS | changes)
    assert str(caught.value).startswith("Config ")


def test_a_config_needs_a_name():
    with pytest.raises(ValueError, match="name is '', expected"):
        IntegratedCellConfig()


@pytest.mark.parametrize("name", ["a", "64px", "hela_2.v-3", "x" * 100])
def test_names_that_are_folders(name):
    assert copy.deepcopy(IntegratedCellConfig(name=name)).name == name


def test_arguments_for_other_kinds_may_stand_at_their_defaults():
    config = IntegratedCellConfig(name="x", kind="paper_2d", axes="", seed=0, cells_per_structure=0)
    assert "seed" not in config.arguments() and "structures" in config.arguments()
    assert not IntegratedCellConfig(name="x", kind="simulated", structures=[]).structures


@pytest.mark.parametrize(
    ("image_size", "pixel_size", "axes", "shape", "sizes", "stored"),
    [
        (32, 1, "YX", (32, 32), (1.0, 1.0), (32, 1.0)),
        ([32, 32], [1.0, 1.0], "YX", (32, 32), (1.0, 1.0), (32, 1.0)),
        ([32, 64], 0.5, "YX", (32, 64), (0.5, 0.5), ([32, 64], 0.5)),
        (64, [0.5, 1.0], "YX", (64, 64), (0.5, 1.0), (64, [0.5, 1.0])),
        ([16, 32, 64], 0.5, "ZYX", (16, 32, 64), (0.5, 0.5, 0.5), ([16, 32, 64], [0.5, 0.5, 0.5])),
        ((16, 16, 16), (2, 1, 1), "ZYX", (16, 16, 16), (2.0, 1.0, 1.0), ([16, 16, 16], [2.0, 1.0, 1.0])),
    ],
)
def test_sizes_are_given_for_all_axes_or_one_by_one(image_size, pixel_size, axes, shape, sizes, stored):
    given = {"image_size": image_size, "pixel_size": pixel_size, "normalization": "percentile", "axes": "CZYX"}
    config = IntegratedCellConfig(**STACKS | given)
    spec = config.spec(("golgi", "tom20"))
    assert (spec.axes, spec.shape, spec.pixel_size, spec.structures) == (axes, shape, sizes, ("golgi", "tom20"))
    assert spec.preparation == config.preparation == Preparation("major_axis", "percentile")
    assert config.frame == Frame(shape, sizes)
    arguments = config.arguments()
    assert (arguments["image_size"], arguments["pixel_size"], arguments["axes"]) == (*stored, "CZYX")


def test_simulated_configs_are_known_without_a_build():
    found = {name: (config.cells, config.spec().shape) for name, config in module.SIMULATED.items()}
    assert found == {
        "integrated_cell/simulated": (6077, (256, 256)),
        "integrated_cell/simulated_64": (2800, (64, 64)),
        "integrated_cell/simulated_3d": (2800, (32, 64, 64)),
        "integrated_cell/simulated_demo": (1200, (64, 64)),
    }
    assert all(config.spec().structures == NAMES for config in module.SIMULATED.values())
    tiny = IntegratedCellConfig(**TINY_3D)
    assert tiny.cells == 40 and tiny.spec().axes == "ZYX"

"""Traversals and interpolations: what is decoded, what is written, and what is refused."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from icell_tf.inference import latent_walks
from icell_tf.inference.loading import load
from icell_tf.spec import Preparation

from ..conftest import LATENT, SPEC, STRUCTURES
from ..made_up import VOLUMES, MadeUpModel


class FakePrepared:
    """Four cells in two splits, of structures in another order than the model's."""

    splits, folder = {"train": 3, "test": 1}, "fake/1.0.0"
    spec = dataclasses.replace(SPEC, structures=("zo1", "tom20", "unheard-of"))

    def labels(self, split):
        return {"cell_id": np.array([f"{split}-{i}".encode() for i in range(self.splits[split])])}

    def read(self, split, rows, features):
        count = self.splits[split]
        images = np.random.default_rng(count).integers(0, 256, (count, *SPEC.image_shape), np.uint8)
        records = {"image": images, "structure": np.arange(count)}
        return {name: records[name][rows] for name in features}


@pytest.fixture(autouse=True)
def short_films(monkeypatch):
    monkeypatch.setattr(latent_walks, "FILM_STEPS", 5)


@pytest.fixture(scope="module")
def integrator(make_export):
    return load(make_export())


@pytest.fixture(scope="module")
def ends(integrator):
    return [latent_walks.find_cell(integrator, FakePrepared(), name, "--from") for name in ("train-1", "test-0")]


@pytest.fixture
def drawn(monkeypatch):
    """The grids that are decoded, [(rows, cells)]."""
    calls, original = [], latent_walks.decode_rows

    def decode_rows(*given):
        found = original(*given)
        calls.append((given[1], found[0]["YX"]))
        return found

    monkeypatch.setattr(latent_walks, "decode_rows", decode_rows)
    return calls


def decoded(integrator, structure, z_r, z_s):
    y_onehot = np.eye(len(STRUCTURES))[STRUCTURES.index(structure)]
    return integrator.decode(y_onehot, z_r, z_s)["x_rs_hat"][0]


@pytest.mark.parametrize(
    "other", [{"shape": (64, 64)}, {"pixel_size": (0.6, 1.2)}, {"preparation": Preparation("none")}]
)
def test_a_data_set_of_other_frames_or_preparation_is_refused(integrator, other):
    prepared = FakePrepared()
    prepared.spec = dataclasses.replace(prepared.spec, **other)
    with pytest.raises(ValueError, match=f"--dataset: fake/1.0.0: its cells have {prepared.spec}, .* takes {SPEC} "):
        latent_walks.find_cell(integrator, prepared, "test-0", "--cell")


def test_a_cell_is_found_in_any_split_with_its_codes(integrator, ends):
    x_rs = FakePrepared().read("test", [0], ("image",))["image"] / np.float32(255)
    assert [STRUCTURES[end.structure] for end in ends] == ["tom20", "zo1"]
    np.testing.assert_array_equal(ends[1].image, x_rs[0])
    np.testing.assert_allclose(ends[1].z_r, integrator.encode_reference(x_rs[..., :2])["z_r"][0], atol=1e-5)
    np.testing.assert_allclose(ends[1].z_s, integrator.encode(x_rs)["z_s"][0], atol=1e-5)
    assert not ends[1].z_s_of(STRUCTURES.index("tom20")).any() and ends[1].z_s_of(ends[1].structure).any()
    assert latent_walks.find_cell(integrator, FakePrepared(), "train-2", "--cell").structure is None


def test_the_middle_of_a_traversal_is_the_mean_cell(integrator, drawn, tmp_path):
    start = latent_walks.mean_cell(integrator)
    paths = latent_walks.traverse(integrator, start, "z_s", ["2"], STRUCTURES, 3.0, 5, tmp_path)
    assert paths == [tmp_path / "mean_z_s_2.png", tmp_path / "mean_z_s_2.gif"]
    (rows, cells), (_, film) = drawn
    assert [row.label for row in rows] == list(STRUCTURES)
    assert cells.shape == (3, 5, *SPEC.image_shape) and film.shape == cells.shape
    zero, end = np.zeros(LATENT), np.array([0, -3, 0, 0])
    for name, row in zip(STRUCTURES, cells, strict=True):
        np.testing.assert_allclose(row[2], decoded(integrator, name, zero, zero), atol=1e-5)
        np.testing.assert_allclose(row[0], decoded(integrator, name, zero, end), atol=1e-5)
    np.testing.assert_array_equal(film, cells)
    with Image.open(paths[0]) as picture:
        assert picture.width > 5 * 160 and picture.height > 3 * 160


def test_two_dimensions_span_a_plane_in_each_structure(integrator, drawn, ends, tmp_path):
    paths = latent_walks.traverse(integrator, ends[0], "z_r", [4, 1], ["tom20", "zo1"], 2.0, 3, tmp_path)
    assert [path.name for path in paths[::2]] == ["train-1_z_r_4_1_tom20.png", "train-1_z_r_4_1_zo1.png"]
    (rows, cells), _, (_, others), _ = drawn
    assert [row.label for row in rows] == ["z_r_1 = +2.0", "z_r_1 = +0.0", "z_r_1 = -2.0"]
    corner = ends[0].z_r.copy()
    corner[[0, 3]] = 2, -2
    np.testing.assert_allclose(cells[0, 0], decoded(integrator, "tom20", corner, ends[0].z_s), atol=1e-5)
    np.testing.assert_allclose(others[0, 0], decoded(integrator, "zo1", corner, np.zeros(LATENT)), atol=1e-5)


def test_more_dimensions_have_a_row_each(integrator, drawn, tmp_path):
    latent_walks.traverse(integrator, latent_walks.mean_cell(integrator), "z_r", [3, 1, 2], ["zo1"], 1.0, 3, tmp_path)
    (rows, cells), _ = drawn
    assert [row.label for row in rows] == ["z_r_3", "z_r_1", "z_r_2"]
    np.testing.assert_allclose(cells[0, 2], decoded(integrator, "zo1", np.eye(LATENT)[2], np.zeros(LATENT)), atol=1e-5)


@pytest.mark.parametrize("codes, path", [(("z_r", "z_s"), "slerp"), (("z_r",), "linear"), (("z_s",), "slerp")])
def test_an_interpolation_ends_at_the_cells(integrator, drawn, ends, tmp_path, codes, path):
    first, last = ends
    paths = latent_walks.interpolate(integrator, ends, codes, STRUCTURES, path, 4, tmp_path)
    assert paths[0].name == "train-1_to_test-0" + {1: f"_{codes[0]}", 2: ""}[len(codes)] + ".png"
    (rows, cells), _ = drawn
    for k, name in enumerate(STRUCTURES):
        reached = last.z_r if "z_r" in codes else first.z_r, (last if "z_s" in codes else first).z_s_of(k)
        np.testing.assert_allclose(cells[k, 0], decoded(integrator, name, first.z_r, first.z_s_of(k)), atol=1e-5)
        np.testing.assert_allclose(cells[k, -1], decoded(integrator, name, *reached), atol=1e-5)


def test_what_the_model_does_not_have_is_refused(integrator, tmp_path):
    start = latent_walks.mean_cell(integrator)
    for wrong in (["0"], ["5"], ["x"], [], ["1", "1"], ["-1"]):
        with pytest.raises(ValueError, match="--dimensions .* 1 to 4"):
            latent_walks.traverse(integrator, start, "z_r", wrong, ["zo1"], output=tmp_path / "out")
    with pytest.raises(ValueError, match="--structures: .*golgi.*lamin-b1, tom20, zo1"):
        latent_walks.traverse(integrator, start, "z_r", [1], ["golgi"], output=tmp_path / "out")
    for reach in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"--range is {reach}"):
            latent_walks.traverse(integrator, start, "z_r", [1], ["zo1"], reach, output=tmp_path / "out")
    with pytest.raises(ValueError, match="--to: fake/1.0.0 .*'none'.*codes.csv"):
        latent_walks.find_cell(integrator, FakePrepared(), "none", "--to")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_unasked(integrator, tmp_path):
    given = (integrator, latent_walks.mean_cell(integrator), "z_r", [1], ["zo1"], 1.0, 2, tmp_path)
    latent_walks.traverse(*given)
    with pytest.raises(FileExistsError, match="mean_z_r_1.png"):
        latent_walks.traverse(*given)
    latent_walks.traverse(*given, overwrite=True)


def test_volumes_are_shown_by_projections_and_by_slices(tmp_path):
    model = MadeUpModel(VOLUMES)
    paths = latent_walks.traverse(model, latent_walks.mean_cell(model), "z_r", [1], ["zo1"], 1.0, 3, tmp_path)
    assert [path.name for path in paths] == ["mean_z_r_1.png", "mean_z_r_1_slices.png", "mean_z_r_1.gif"]
    sizes = []
    for path in paths:
        with Image.open(path) as picture:
            sizes.append(picture.size)
            assert getattr(picture, "n_frames", 1) == (8 if path.suffix == ".gif" else 1)
    assert sizes[0] == sizes[1] and sizes[2][0] < sizes[0][0]
    image = np.random.default_rng(0).random(VOLUMES.image_shape, np.float32)
    ends = [latent_walks.Start(np.zeros(2), np.ones(2), k, image, f"cell {k}") for k in range(2)]
    paths = latent_walks.interpolate(model, ends, ["z_r"], ["tom20", "zo1"], steps=2, output=tmp_path)
    with Image.open(paths[1]) as picture:  # two observed cells, too
        assert picture.width > 4 * sizes[0][0] / 3.5

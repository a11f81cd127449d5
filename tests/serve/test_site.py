"""The explorer's folder and routes: what is in them, what is refused."""

import json

import numpy as np
import pytest
import safetensors.numpy
from starlette.testclient import TestClient

from icell_tf import structures
from icell_tf.inference.inputs import InputCell
from icell_tf.serve import site
from icell_tf.serve.app import create_app

from ..conftest import SPEC, STRUCTURES

IMAGES = np.random.default_rng(0).integers(0, 256, (3, *SPEC.image_shape), np.uint8)
CELLS = site.Cells(
    [InputCell("first", "", IMAGES[0], STRUCTURES[1])],
    [InputCell("second", "", IMAGES[1]), InputCell("third", "", SPEC.reference(IMAGES[2]))],
)


@pytest.fixture
def without_slow_parts(monkeypatch):
    """Stand-ins for the ONNX graphs and their runtime, which tests/browser looks at."""
    monkeypatch.setattr(site, "export_onnx", lambda integrator, folder: folder.mkdir())
    monkeypatch.setattr(site, "read_runtime", lambda package: {"ort.js": b"runtime"})


def test_a_folder_for_a_server_has_the_page_and_the_cells(make_integrator, tmp_path):
    folder = site.write_site(make_integrator(), "mine", tmp_path / "site", CELLS, "rest")
    about = json.loads((folder / "explorer.json").read_text())
    assert (about["format"], about["backend"], about["binary"], about["upload"]) == (1, "rest", False, False)
    assert about["predict"] == "v1/models/integrator" and about["graphs"] == about["noise"] == {}
    assert about["model"]["name"] == "mine" and about["model"]["description"]["spec"] == SPEC.to_dict()
    assert [each["name"] for each in about["structures"]] == list(STRUCTURES)
    assert about["structures"][1]["display"] == structures.display("tom20")
    assert [tuple(each["color"]) for each in about["structures"]] == list(structures.colors(STRUCTURES))
    assert about["examples"] == 1
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    page = site.page_files().keys() - {site.LICENCE}  # whose files are not there
    assert files == page | {"explorer.json", *(f"cells/{i}.safetensors" for i in range(3))}
    assert {"model.js", "noise.js"} <= page


def test_a_cells_file_has_its_image_and_says_what_it_is(make_integrator, tmp_path):
    folder = site.write_site(make_integrator(), "mine", tmp_path / "site", CELLS, "rest")
    about = json.loads((folder / "explorer.json").read_text())
    z_r = make_integrator().encode_reference(SPEC.reference(IMAGES) / np.float32(255))["z_r"]
    for entry, cell, code in zip(about["cells"], CELLS.all, z_r, strict=True):
        with safetensors.safe_open(folder / entry["file"], "numpy") as file:
            np.testing.assert_array_equal(file.get_tensor("image"), cell.image)
            told = file.metadata()
        assert json.loads(told["spec"]) == SPEC.to_dict()
        assert told["name"] == entry["name"] == cell.name
        assert told.get("structure") == entry["structure"] == cell.structure
        np.testing.assert_allclose(entry["z_r"], code, atol=1e-4)


def test_a_folder_in_which_the_model_runs(make_integrator, tmp_path, without_slow_parts):
    integrator = make_integrator()
    folder = site.write_site(integrator, "mine", tmp_path / "site")
    about = json.loads((folder / "explorer.json").read_text())
    assert about["graphs"] == {name: f"model/{name}.onnx" for name in integrator.networks.inputs}
    assert about["noise"]["draw"] == {"z_s_prior": [4]} and about["cells"] == []
    assert list(about["noise"]["sample"]) == ["z_r_prior", "z_s_prior"]
    assert (folder / "vendor" / "ort.js").read_bytes() == b"runtime" and (folder / site.LICENCE).is_file()


def test_nothing_is_overwritten_and_nothing_half_written(make_integrator, tmp_path, without_slow_parts, monkeypatch):
    (tmp_path / "site").mkdir()
    with pytest.raises(FileExistsError, match="site exists .* --output"):
        site.write_site(make_integrator(), "mine", tmp_path / "site")

    def fails(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site, "export_onnx", fails)
    with pytest.raises(OSError, match="No space left"):
        site.write_site(make_integrator(), "mine", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_model_from_an_export_can_not_run_in_the_page(make_export, tmp_path, without_slow_parts):
    from icell_tf.inference.loading import load

    with pytest.raises(ValueError, match="holds no networks"):
        site.write_site(load(make_export()), "mine", tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_the_map_shows_the_two_directions_in_which_codes_vary_most():
    rng = np.random.default_rng(0)
    directions, _ = np.linalg.qr(rng.standard_normal((5, 2)))
    places = rng.standard_normal((20, 2)) * [3, 1]
    codes = places @ directions.T + 7
    found = site.principal_components(codes)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=-1), distances, atol=1e-6)
    assert found[:, 0].std() > found[:, 1].std()
    np.testing.assert_allclose(site.principal_components(codes[:1]), [[0, 0]])
    assert site.principal_components(codes[:, :1]).shape == (20, 2)


def test_cells_come_from_the_model_that_ships_and_from_data_sets(ships, prepared):
    from icell_tf.inference.loading import load
    from icell_tf.runs import shipped

    model = shipped.resolve("tiny")
    found = site.find_cells(model, [str(prepared.folder)], load(model), limit=2)
    assert [len(found.examples), len(found.given)] == [2, 2]
    assert {cell.source for cell in found.given} == {str(prepared.folder)}


def test_stacks_are_no_cells_of_the_page(make_integrator, tmp_path):
    (tmp_path / "cell.tif").touch()
    with pytest.raises(ValueError, match=r"--cells: .*cell.tif is a stack"):
        site.find_cells(tmp_path, [str(tmp_path / "cell.tif")], make_integrator())


def test_the_name_of_an_exported_model_is_not_its_versions():
    assert site.model_name("saved_models/mine/2") == site.model_name("runs/mine") == "mine"


@pytest.fixture(scope="module")
def client(make_integrator):
    return TestClient(create_app(make_integrator(), cells=CELLS), base_url="http://localhost")


def test_a_server_gives_the_page_and_says_what_it_can(client):
    about = client.get("/explorer.json").json()
    assert about["backend"] == "rest" and about["binary"] is True and about["graphs"] == {}
    assert about["upload"] is ("/integrate" in client.get("/openapi.json").json()["paths"]) is True
    assert len(about["cells"]) == 3 and about["examples"] == 1
    for name, path in site.page_files().items():
        if name != site.LICENCE:
            answer = client.get(f"/{name}")
            assert answer.content == path.read_bytes() and answer.headers["content-type"] == site.TYPES[path.suffix]
    cell = safetensors.numpy.load(client.get("/" + about["cells"][1]["file"]).content)
    np.testing.assert_array_equal(cell["image"], IMAGES[1])


@pytest.mark.parametrize("path", ["vendor.json", "../site.py", "vendor/ort.js", "cells/3.safetensors", "page"])
def test_a_server_gives_no_other_files(client, path):
    assert client.get(f"/{path}").status_code == 404

"""POST /integrate: stacks that are sent, answers in every form, and what is refused."""

import asyncio
import io
import json
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import tifffile
from PIL import Image
from starlette.testclient import TestClient

from icell_tf.imaging.one_stack import StackReading
from icell_tf.imaging.read import read_stack
from icell_tf.inference import inputs, outputs
from icell_tf.serve import Client, stacks, uploads
from icell_tf.serve.apart import Bounds, run_apart
from icell_tf.serve.app import create_app
from icell_tf.serve.service import Settings
from icell_tf.simulate import simulate_cell

from ..conftest import STRUCTURES
from ..imaging.read.test_strangers import OME, PIXELS, claim, large_png, small_tiff, uuid
from ..made_up import knowing

NAME, NAMES = "my cell 1.ome.tif", ("membrane", "dna", "gfp")


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A simulated cell as files: stack, masks, and both in one; with the masks, the scale, and bytes of each file."""
    cell, folder = simulate_cell(seed=1, y=0, pixel_size=1.2), tmp_path_factory.mktemp("cell")
    masks = np.stack([cell.cell_mask, cell.nucleus_mask]).astype(np.uint16)
    about = {"axes": "CZYX"} | {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", cell.scale, strict=True)}
    contents = {
        "stack": (cell.channels, NAMES),
        "segmentation": (masks, ("cell", "nucleus")),
        "both": (np.concatenate([cell.channels, masks]), (*NAMES, "cell", "nucleus")),
    }
    paths = {name: folder / f"{name}.ome.tif" for name in contents}
    for name, (array, names) in contents.items():
        metadata = about | {"Channel": {"Name": list(names)}}
        tifffile.imwrite(paths[name], array, ome=True, photometric="minisblack", metadata=metadata)
    return SimpleNamespace(**paths, scale=cell.scale)


@pytest.fixture
def send(http, cell):
    """A function that sends stack and masks, with fields, and returns the answer."""

    def send(
        stack=cell.stack, segmentation=cell.segmentation, name="my cell 1.ome.tif", status=200, headers=None, **fields
    ):
        files = {"stack": (name, stack.read_bytes())}
        if segmentation:
            files["segmentation"] = ("masks.tif", segmentation.read_bytes())
        answer = http.post("/integrate", files=files, data=fields, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    return send


@pytest.fixture(scope="module")
def expected(integrator, cell):
    """What the command finds in the cell, with 5 draws of seed 3."""
    reading = inputs.Reading(segmentation=(str(cell.segmentation),))
    (found,) = inputs.read_inputs([cell.stack], integrator, reading)
    image = found.image / np.float32(255)
    answer = integrator.integrate(integrator.spec.reference(image)[None], samples=5, seed=3)
    answer |= integrator.classify(image[None])
    arrays = {"image": image} | {name: array[0] for name, array in answer.items()}
    return SimpleNamespace(cell=found, arrays=arrays)


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, atol=1e-5)


def test_json_has_what_the_command_finds(send, expected, integrator):
    found = send(samples="5", seed="3").json()
    for name in ("image", "structures", "mean", "std", "z_r", "probabilities"):
        close(found[name], expected.arrays[name])
    assert found["names"] == list(STRUCTURES) and found["channels"] == ["membrane", "nucleus", "structure"]
    assert (found["name"], found["original_frame"], found["guesses"]) == ("my_cell_1", False, [])
    assert found["spec"] == integrator.spec.to_dict() and found["pixel_size"] == [1.2, 1.2]
    assert "mean" not in send().json()


def test_binary_has_the_same(send, expected):
    content = send(samples="5", seed="3", headers={"accept": "application/x-safetensors"}).content
    arrays = safetensors.numpy.load(content)
    assert set(arrays) == {"image", "structures", "mean", "std", "z_r", "probabilities"}
    for name, array in arrays.items():
        close(array, expected.arrays[name])
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = {name: json.loads(text) for name, text in header["__metadata__"].items()}
    assert about["names"] == list(STRUCTURES) and about["guesses"] == []


@pytest.mark.parametrize("original_frame", ["false", "true"])
def test_an_ome_tiff_is_that_of_the_command(send, expected, integrator, cell, tmp_path, original_frame):
    answer = send(samples="5", seed="3", format="tiff", original_frame=original_frame)
    assert answer.headers["content-type"] == "image/tiff"
    assert answer.headers["content-disposition"] == 'inline; filename="my_cell_1.ome.tif"'
    (tmp_path / "answer.ome.tif").write_bytes(answer.content)
    settings = outputs.Settings(samples=5, seed=3, original_frame=original_frame == "true")
    outputs.integrate_cells(integrator, [expected.cell], tmp_path, settings)
    found, of_command = (read_stack(tmp_path / f"{name}.ome.tif") for name in ("answer", "stack"))
    assert found.channels == of_command.channels and found.scale[1:] == of_command.scale[1:]
    close(found.data, of_command.data)
    if original_frame == "true":
        assert found.shape[2:] == read_stack(cell.stack).shape[2:]


def test_arrays_in_the_stacks_own_pixels(send, expected, cell):
    found = send(original_frame="true").json()
    restored = expected.cell.transform.restore(np.moveaxis(expected.arrays["structures"], -1, 0))
    close(found["structures"], np.moveaxis(restored, 0, -1))
    assert np.shape(found["image"])[:2] == read_stack(cell.stack).shape[2:]
    assert found["pixel_size"] == list(cell.scale[1:])


@pytest.mark.parametrize("picture", ["structures", "composite"])
def test_a_picture_is_that_of_the_command(send, expected, integrator, tmp_path, picture):
    content = send(format="png", picture=picture, contrast="max").content
    outputs.integrate_cells(integrator, [expected.cell], tmp_path, outputs.Settings(contrast="max"))
    pictures = [Image.open(file) for file in (io.BytesIO(content), tmp_path / f"stack_{picture}.png")]
    first, second = (np.asarray(picture, np.int16) for picture in pictures)
    assert first.shape == second.shape and np.abs(first - second).max() <= 1


def test_masks_may_be_channels_of_the_stack(send, cell, expected):
    found = send(cell.both, None, segmentation_channels="cell:3,nucleus:4").json()
    close(found["structures"], expected.arrays["structures"])


def test_a_cell_that_is_cut_out_needs_no_masks(http, cell, integrator, tmp_path):
    stack = read_stack(cell.both)
    data = np.where(stack.channel("cell") > 0, stack.data[:3], 0)
    metadata = {"axes": "CZYX", "Channel": {"Name": list(NAMES)}}
    tifffile.imwrite(tmp_path / "cut.tif", data, ome=True, photometric="minisblack", metadata=metadata)
    size = ",".join(map(str, cell.scale))
    reading = inputs.Reading(("auto",), pixel_size=cell.scale)
    (expected,) = inputs.read_inputs([tmp_path / "cut.tif"], integrator, reading)
    for fields in ({}, {"segmentation": "auto"}, {"segmentation": ""}):
        files = {"stack": ("cut.tif", (tmp_path / "cut.tif").read_bytes())}
        files |= {name: (None, text) for name, text in fields.items()}
        files["pixel_size"] = (None, size)
        found = http.post("/integrate", files=files).json()
        close(found["image"], expected.image / np.float32(255))


def test_the_form_is_checked(http, cell, send):
    for fields, sentence in {
        ("pixel_size", "small"): "`pixel_size` is 'small', but must be µm per pixel",
        ("channels", "membrane:0"): "`channels` is 'membrane:0', but must look like membrane:",
        ("mask_label", "cell:0"): "`mask_label` is 'cell:0', but labels are above 0",
        ("samples", "65"): "samples is '65', but must be a whole number from 0 to 64",
        ("samples", "-1"): "samples is '-1'",
        ("seed", "1e3"): "seed is '1e3', but must be a whole number",
        ("seed", "9" * 19): "seed is '9",
        ("contrast", "high"): "contrast is 'high', but must be one of none, max, percentile",
        ("original_frame", "yes"): "original_frame is 'yes', but must be one of false, true",
        ("format", "gif"): "format is 'gif'",
        ("picture", "both"): "picture is 'both'",
        ("picture", "slices"): "picture is 'slices', which are of volumes, but the model's cells are planes",
        ("mask", "1"): "there is no field mask; the fields are stack, segmentation, ",
    }.items():
        assert send(status=400, **dict([fields])).json()["error"].startswith(sentence)
    stack = ("stack", ("a.tif", cell.stack.read_bytes()))
    for files, sentence in (
        ([("segmentation", ("a.tif", b"II*"))], "there is no stack"),
        ([("stack", (None, "a.tif"))], "there is no stack"),
        ([("stack", ("", b""))], "there is no stack"),
        (
            [stack, ("segmentation", (None, "/etc/passwd"))],
            "segmentation is '/etc/passwd', but must be a file, or auto",
        ),
        ([stack, ("channels", ("a.tif", b"II*"))], "the field channels is a file, but must be a text"),
        ([stack, ("seed", (None, "1")), ("seed", (None, "2"))], "the field seed is given twice"),
        ([stack] * 3, "Too many files"),
        ([("stack", ("a.pkl", b"II*"))], "a.pkl: files of this name are not taken, but .tif, "),
    ):
        answer = http.post("/integrate", files=files)
        assert answer.status_code == 400 and answer.json()["error"].startswith(sentence)
    assert http.post("/integrate", content=b"II*").status_code == 415
    assert send(status=406, headers={"accept": "text/html"}).json()["error"].startswith("can't answer text/html, but ")


def test_accepted_types(send):
    for accept, found in {
        "*/*": "application/json",
        "text/html, image/*;q=0.8": "image/png",
        "IMAGE/TIFF": "image/tiff",
        "application/x-safetensors, application/json": "application/x-safetensors",
    }.items():
        assert send(headers={"accept": accept}).headers["content-type"] == found


def test_errors_are_those_of_the_command_with_the_sent_names(send, cell, integrator, tmp_path):
    small_tiff(tmp_path / "small.tif")
    error = send(tmp_path / "small.tif", name="../x/my\u200esmall.tif", status=400).json()["error"]
    assert error.startswith("my_small.tif: its metadata has no pixel size") and "with `pixel_size`" in error
    error = send(segmentation=cell.both, status=400, segmentation_channels="cell:0,nucleus:1").json()["error"]
    with pytest.raises(ValueError) as of_command:
        reading = inputs.Reading((str(cell.both),), segmentation_channels={"cell": 0, "nucleus": 1})
        inputs.read_inputs([cell.stack], integrator, reading)
    told = str(of_command.value).replace(str(cell.stack), "my cell 1.ome.tif").replace(str(cell.both), "masks.tif")
    assert error == told.replace("--mask_threshold", "`mask_threshold`").replace("--mask_label", "`mask_label`")
    error = send(segmentation=None, status=400).json()["error"]
    assert "Give its masks with `segmentation`" in error


def test_what_was_guessed_is_told(send, cell, tmp_path):
    masks = tifffile.imread(cell.segmentation)
    tifffile.imwrite(tmp_path / "masks.tif", masks, ome=True, photometric="minisblack", metadata={"axes": "CZYX"})
    sentence = "masks.tif: its channels have no names; taken in their order as cell:0, nucleus:1. If not, say so "
    sentence += "(`segmentation_channels`)."
    assert send(segmentation=tmp_path / "masks.tif").json()["guesses"] == [sentence]
    answer = send(segmentation=tmp_path / "masks.tif", format="png")
    assert json.loads(answer.headers["icell-guesses"]) == [sentence]


def test_files_that_claim_too_much_or_refer_to_others_are_refused(send, cell, tmp_path):
    secret = small_tiff(tmp_path / "secret.tif")
    bad = {
        "its header names 100000 x 100000": claim(small_tiff(tmp_path / "claims.tif", compression="zlib")),
        "its header names 100000 x 100000 ": large_png(tmp_path / "claims.png"),
        f"its metadata refer to another file, {secret}": small_tiff(
            tmp_path / "refers.tif", OME.format("", PIXELS.format(1, uuid(secret)))
        ),
    }
    for sentence, path in bad.items():
        assert send(path, name="a" + path.suffix, status=400).json()["error"].startswith(f"a{path.suffix}: {sentence}")
        error = send(segmentation=path, status=400).json()["error"]
        assert error.startswith(f"my cell 1.ome.tif: masks.tif: {sentence}") or error.startswith(
            f"masks.tif: {sentence}"
        )


def bomb(path):
    """A TIFF of two channels of 8 x 8 pixels, of which the first unpacks to 2 GB."""
    tifffile.imwrite(path, np.ones((2, 8, 8), np.uint8), photometric="minisblack", compression="zlib")
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**24)) for _ in range(128)) + packer.flush()
    place = path.stat().st_size
    with open(path, "ab") as file:
        file.write(packed)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["StripOffsets"].overwrite(place)
        tiff.pages[0].tags["StripByteCounts"].overwrite(len(packed))
    return path


def test_a_strip_that_unpacks_to_too_much_ends_only_its_process(tmp_path, integrator):
    path = str(bomb(tmp_path / "bomb.tif"))
    limits, bounds = uploads.Limits(2**20, 2**20), Bounds(2**28, 60)
    reading = StackReading(pixel_size=(1.0,), axes="CYX", channels={"membrane": 0, "nucleus": 1})
    with pytest.raises(ValueError, match="memory"):
        run_apart(stacks.read_stack, path, path, integrator.spec, reading, limits, bounds=bounds)


def test_answers_in_too_many_pixels_are_refused(send, monkeypatch):
    monkeypatch.setattr(uploads.answers, "MOST_BYTES", 10_000)
    error = send(original_frame="true", status=400).json()["error"]
    assert error.startswith("in the stack's own pixels the answer has ") and "as application/json" in error
    send(original_frame="true", format="png")  # which is of the model's frame


def test_more_stacks_than_may_wait_are_told_to_come_again(integrator, monkeypatch):
    reader = uploads.Reader(Settings(stacks_at_once=1))
    monkeypatch.setattr(reader, "_reading", 1 + uploads.WAITING)
    with pytest.raises(uploads.Refused, match="9 stacks already") as refused:
        asyncio.run(reader.read(None, integrator.spec))
    assert refused.value.status == 503 and refused.value.headers == {"retry-after": "10"}


def test_the_client_sends_stacks(http, cell, expected, monkeypatch):
    def through(self, method, path, body=None, headers=None):
        answer = http.request(method, path, content=body, headers=headers)
        return answer.status_code, answer.content

    monkeypatch.setattr(Client, "_send", through)
    client = Client("http://localhost")
    found = client.integrate_stack(cell.stack, cell.segmentation, samples=5, seed=3, pixel_size=cell.scale)
    for name, array in expected.arrays.items():
        close(found[name], array)
    assert found["names"] == list(STRUCTURES) and found["guesses"] == [] and found["name"] == "stack"
    shape = read_stack(cell.stack).shape
    found = client.integrate_stack(cell.both, segmentation_channels="cell:3,nucleus:4", original_frame=True, axes=None)
    assert found["structures"].shape == (*shape[2:], len(STRUCTURES))
    with pytest.raises(ValueError, match=r"stack\.ome\.tif: .*no cell is cut out in it"):
        client.integrate_stack(str(cell.stack))


def test_a_model_that_can_tell_says_whether_the_cell_is_unknown(integrator, cell, expected):
    image = expected.arrays["image"][None]
    others = np.random.default_rng(1).random((3, *image.shape[1:]), np.float32)
    model = knowing(integrator, np.concatenate([image, others]))
    judged = model.classify(image)
    files = {name: (f"{name}.tif", vars(cell)[name].read_bytes()) for name in ("stack", "segmentation")}
    with TestClient(create_app(model, Settings()), base_url="http://localhost") as http:
        found, binary = (http.post("/integrate", files=files, data={"format": form}) for form in ("json", "binary"))
    found, binary = found.json(), binary.content
    assert found["unknown"] is bool(judged["unknown"][0])
    assert found["distance"] == pytest.approx(judged["distance"][0], rel=1e-4)
    header = json.loads(binary[8 : 8 + int.from_bytes(binary[:8], "little")])["__metadata__"]
    assert json.loads(header["unknown"]) is found["unknown"] and "distance" not in safetensors.numpy.load(binary)


def test_nothing_is_left_behind(send, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    send(format="tiff")
    send(pixel_size="small", status=400)
    assert not list(tmp_path.iterdir())

"""Pictures and numbers that the page saves, and cells in files that it opens, by each back end."""

import base64
import io
import json

import numpy as np
import tifffile

from ..conftest import SPEC


def saved(explorer, button, tmp_path):
    with explorer.page.expect_download() as download:
        explorer.page.get_by_role("button", name=button).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_picture_is_saved(explorer, tmp_path):
    from PIL import Image

    explorer.open("cell=cell+1&view=draw&draw=2")
    path = saved(explorer, "Save PNG", tmp_path)
    assert path.name == "cell-1_draw-2-seed-0.png"
    url = explorer.page.locator("#composite").evaluate("(canvas) => canvas.toDataURL()")
    canvas = io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))
    picture, shown = (np.asarray(Image.open(file).convert("RGB")).astype(int) for file in (path, canvas))
    left, top = 16, 16 + 24  # of the large picture, 768 px; the scale bar covers its corner
    part = slice(0, 700)
    assert np.abs(picture[top : top + 768, left : left + 768][part] - shown[part]).max() <= 2


def test_numbers_are_saved_and_read_again(explorer, model, images, tmp_path):
    explorer.open("cell=cell+1")
    path = saved(explorer, "Save OME-TIFF", tmp_path)
    assert path.name == "cell-1_typical.ome.tif"
    typical = model.integrate(SPEC.reference(images[1][None]))["structures"][0]
    with tifffile.TiffFile(path) as file:
        planes, metadata = file.asarray(), tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    names = [channel["Name"] for channel in metadata["Channel"]]
    assert names == ["membrane", "nucleus", *SPEC.structures, "observed structure"]
    assert metadata["PhysicalSizeX"] == 1.2
    expected = np.concatenate([SPEC.reference(images[1]), typical, images[1][..., 2:]], axis=-1)
    np.testing.assert_allclose(np.moveaxis(planes, 0, -1), expected, atol=1e-4)

    explorer.open().page.locator("#own-file").set_input_files(path)
    explorer.page.get_by_text("is shown.").wait_for()
    explorer.settle()
    assert explorer.state == {"file": "cell+1"}
    explorer.require_pictures(SPEC, images[1], typical)


def test_a_cell_of_another_model_is_refused_with_what_differs(explorer, images, tmp_path):
    from safetensors.numpy import save

    spec = SPEC.to_dict() | {"pixel_size": [0.6, 0.6]}
    path = tmp_path / "other.safetensors"
    path.write_bytes(save({"image": np.zeros(SPEC.image_shape, np.uint8)}, {"spec": json.dumps(spec)}))
    explorer.open().page.locator("#own-file").set_input_files(path)
    explorer.page.wait_for_selector("#own-message:not([hidden])")
    assert "pixel_size 1.2 x 1.2 in the model, 0.6 x 0.6 in the file" in explorer.text("#own-message")
    assert explorer.settle().state == {"cell": "cell+0"}


def test_a_file_is_dropped_on_the_page(explorer, images, tmp_path):
    from safetensors.numpy import save

    given = save({"image": np.uint8(np.rint(255 * images[2]))}, {"spec": json.dumps(SPEC.to_dict()), "name": "mine"})
    explorer.open().page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "mine.safetensors"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(given),
    )
    explorer.page.wait_for_function("() => document.getElementById('cell-name').textContent === 'mine'")
    assert explorer.settle().state == {"file": "mine"}

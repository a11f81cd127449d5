"""OME-Zarr 0.4 and 0.5, written by the package zarr in the layout of the specification."""

import json
import sys

import numpy as np
import pytest
import zarr

from icell_tf.imaging.read import read_stack

UNIT = "micrometer"


def axes_of(letters, unit=UNIT):
    space = {"type": "space"} | ({"unit": unit} if unit else {})
    kinds = {"T": {"type": "time"}, "C": {"type": "channel"}}
    return [{"name": letter.lower(), **kinds.get(letter, space)} for letter in letters]


def metadata_of(letters, version, names=(), scale=(0.5, 0.3, 0.2), unit=UNIT):
    sizes = [1.0] * (len(letters) - 3) + list(scale)
    halves = [size / 2 if i >= len(letters) - 3 else size for i, size in enumerate(sizes)]
    steps = [1.0] * (len(letters) - 3) + [2.0] * 3
    entry = {
        "axes": axes_of(letters, unit),
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": halves}]},
            {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": sizes}]},
        ],
        "coordinateTransformations": [{"type": "scale", "scale": steps}],  # so the finest level has `scale`
    }
    found = {"multiscales": [entry]} | ({"omero": {"channels": [{"label": n} for n in names]}} if names else {})
    return {"ome": {"version": "0.5", **found}} if version == "0.5" else found


def write(group, data, metadata):
    """One image, in two resolutions."""
    for path, array in (("0", data), ("1", data[..., ::2, ::2])):
        stored = group.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(1,) * (data.ndim - 2) + (8, 8))
        stored[...] = array
    group.attrs.update(metadata)


def create(path, version):
    return zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("letters", ["TCZYX", "CZYX"])
def test_finest_resolution_with_names_and_scale(tmp_path, pixels, version, letters):
    data = pixels(3, 4, 9, 10)
    path = tmp_path / "a.ome.zarr"
    metadata = metadata_of(letters, version, ["membrane", "dna", "actin"])
    write(create(path, version), data[None] if "T" in letters else data, metadata)
    stack = read_stack(path)
    assert (stack.shape, stack.dtype, stack.guesses) == ((3, 4, 9, 10), np.uint16, ())
    assert stack.channels == ("membrane", "dna", "actin")
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2))
    np.testing.assert_array_equal(stack.channel("dna"), data[1])
    np.testing.assert_array_equal(stack.data, data)


@pytest.mark.parametrize("axes", [None, ["c", "z", "y", "x"]])
def test_versions_before_0_4_name_no_axes_or_only_their_letters(tmp_path, pixels, axes):
    data = pixels(3, 4, 9, 10)
    metadata = metadata_of("CZYX", "0.1")
    del metadata["multiscales"][0]["axes"]
    metadata["multiscales"][0] |= {"axes": axes} if axes else {}
    write(create(tmp_path / "a.zarr", "0.1"), data, metadata)
    stack = read_stack(tmp_path / "a.zarr", scale=(0.5, 0.3, 0.2))
    assert (stack.axes, stack.shape, stack.guesses) == ("CZYX", (3, 4, 9, 10), ())
    np.testing.assert_array_equal(stack.data, data)


def test_only_the_channel_is_read(tmp_path, pixels):
    data = pixels(3, 4, 9, 10)
    path = tmp_path / "a.zarr"
    write(create(path, "0.4"), data, metadata_of("CZYX", "0.4"))
    for chunk in (path / "0").glob("[02].*"):
        chunk.write_bytes(b"damaged")
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.channel(1), data[1])
    with pytest.raises(ValueError, match=r"a\.zarr: .*voxels.*again"):
        stack.channel(0)


def test_labels_lie_within_an_image(tmp_path, pixels):
    data = pixels(4, 9, 10)
    group = create(tmp_path / "a.zarr", "0.4")
    write(group.create_group("labels").create_group("cells"), data, metadata_of("ZYX", "0.4"))
    stack = read_stack(tmp_path / "a.zarr" / "labels" / "cells")
    np.testing.assert_array_equal(stack.data, data[None])
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2))


def test_units_and_their_absence(tmp_path, pixels):
    data = pixels(4, 9, 10)
    write(create(tmp_path / "a.zarr", "0.4"), data, metadata_of("ZYX", "0.4", scale=(500, 300, 200), unit="nanometer"))
    assert read_stack(tmp_path / "a.zarr").scale == pytest.approx((0.5, 0.3, 0.2))
    write(create(tmp_path / "b.zarr", "0.4"), data, metadata_of("ZYX", "0.4", unit=None))
    with pytest.raises(ValueError, match=r"b\.zarr: .*pixel size .*along y and x.*--pixel_size"):
        read_stack(tmp_path / "b.zarr")


def test_several_images_are_refused_until_one_is_chosen(tmp_path, pixels):
    first, second = pixels(3, 4, 9, 10), pixels(3, 4, 9, 10)
    group = create(tmp_path / "a.zarr", "0.4")
    for name, data in (("0", first), ("1", second)):
        write(group.create_group(name), data, metadata_of("CZYX", "0.4"))
    with pytest.raises(ValueError, match=r"a\.zarr: holds 2 scenes \(0: 0, 1: 1\)"):
        read_stack(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.zarr", scene=1).data, second)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.zarr" / "0").data, first)


def test_the_tenth_image_is_the_last(tmp_path, pixels):
    group, data = create(tmp_path / "a.zarr", "0.4"), pixels(11, 3, 4, 9, 10)
    for i in range(11):
        write(group.create_group(str(i)), data[i], metadata_of("CZYX", "0.4"))
    for scene in (2, "10"):
        np.testing.assert_array_equal(read_stack(tmp_path / "a.zarr", scene=scene).data, data[int(scene)])


def test_a_plate_says_where_its_fields_are(tmp_path):
    create(tmp_path / "a.zarr", "0.4").attrs["plate"] = {"wells": [{"path": "B/3"}]}
    with pytest.raises(ValueError, match=r"a\.zarr: .*1 wells.*a\.zarr/B/3/0"):
        read_stack(tmp_path / "a.zarr")


def test_zarr_without_ome_metadata(tmp_path):
    create(tmp_path / "a.zarr", "0.5")
    with pytest.raises(ValueError, match=r"a\.zarr: .*multiscales.*OME-TIFF"):
        read_stack(tmp_path / "a.zarr")


def test_damaged_metadata(tmp_path, pixels):
    write(create(tmp_path / "a.zarr", "0.4"), pixels(4, 9, 10), metadata_of("CZYX", "0.4"))
    with pytest.raises(ValueError, match=r"a\.zarr: .*OME-Zarr: .*4 axes"):
        read_stack(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / ".zattrs").write_text("{")
    with pytest.raises(ValueError, match=r"a\.zarr: .*OME-Zarr: .*again"):
        read_stack(tmp_path / "a.zarr")


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    create(tmp_path / "a.zarr", "0.4")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"a\.zarr: .*pip install 'icell_tf\[zarr\]'"):
        read_stack(tmp_path / "a.zarr")


def test_a_codec_that_is_not_known(tmp_path, pixels):
    write(create(tmp_path / "a.zarr", "0.4"), pixels(4, 9, 10), metadata_of("ZYX", "0.4"))
    for path in (tmp_path / "a.zarr").glob("*/.zarray"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"compressor": {"id": "imagecodecs_jpegxl"}}))
    with pytest.raises(ValueError, match=r"a\.zarr: .*imagecodecs_jpegxl.*blosc, zstd or gzip\.$"):
        read_stack(tmp_path / "a.zarr")

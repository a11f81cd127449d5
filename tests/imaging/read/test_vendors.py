"""LIF and ND2 through bioio: by a stand-in with its names, and by bioio itself where it is installed."""

import struct
import sys
import types

import numpy as np
import pytest

from icell_tf.imaging.read import read_stack


class Lazy:
    """What bioio hands out of a file: an array that is only read by `compute`."""

    def __init__(self, data, computed):
        self.data, self.computed = data, computed

    def __getitem__(self, index):
        return Lazy(self.data[index], self.computed)

    def compute(self):
        self.computed.append(self.data.shape)
        return self.data


@pytest.fixture
def fake(monkeypatch, pixels, tmp_path):
    """bioio with a file of the scenes it is given; `computed` tells what was read."""
    data = pixels(1, 3, 4, 5, 6)
    fake = types.SimpleNamespace(scenes=["only"], data=data, computed=[], names=["EGFP", "DAPI", "CMDRP"], error=None)
    fake.sizes = types.SimpleNamespace(Z=0.5, Y=0.3, X=0.2)

    def given(value):
        if isinstance(value, Exception):
            raise value
        return value

    class BioImage:
        def __init__(self, image, reader):
            assert reader is Reader
            if fake.error:
                raise fake.error
            self.scenes = tuple(fake.scenes)
            self.dims, self.dtype = types.SimpleNamespace(order="TCZYX", shape=data.shape), data.dtype

        @property
        def channel_names(self):
            return given(fake.names)

        @property
        def physical_pixel_sizes(self):
            return given(fake.sizes)

        def set_scene(self, scene):
            self.scene = scene

        def get_image_dask_data(self, dimension_order_out):
            assert dimension_order_out == "TCZYX"
            return Lazy(data + self.scene, fake.computed)

    class Reader:
        pass

    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=BioImage))
    for suffix in ("lif", "nd2"):
        monkeypatch.setitem(sys.modules, f"bioio_{suffix}", types.SimpleNamespace(Reader=Reader))
        (tmp_path / f"a.{suffix}").write_bytes(b"some format")
    return fake


@pytest.mark.parametrize("suffix", ["lif", "nd2"])
def test_channels_scale_and_one_channel_at_a_time(tmp_path, fake, suffix):
    stack = read_stack(tmp_path / f"a.{suffix}")
    assert (stack.shape, stack.dtype, stack.guesses) == ((3, 4, 5, 6), np.uint16, ())
    assert stack.channels == ("EGFP", "DAPI", "CMDRP")
    assert stack.scale == (0.5, 0.3, 0.2)
    assert set(fake.computed) == {(5, 6)}  # single planes, to check the axes
    fake.computed.clear()
    np.testing.assert_array_equal(stack.channel("DAPI"), fake.data[0, 1])
    assert fake.computed == [(4, 5, 6)]
    np.testing.assert_array_equal(stack.data, fake.data[0])


def test_several_scenes_are_refused_until_one_is_chosen(tmp_path, fake):
    fake.scenes = ["P1", "P2"]
    with pytest.raises(ValueError, match=r"a\.lif: holds 2 scenes \(0: P1, 1: P2\)"):
        read_stack(tmp_path / "a.lif")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.lif", scene="P2").data, fake.data[0] + 1)


def test_no_pixel_size(tmp_path, fake):
    fake.sizes = types.SimpleNamespace(Z=None, Y=None, X=0.2)
    with pytest.raises(ValueError, match=r"a\.nd2: .*pixel size .*along y\."):
        read_stack(tmp_path / "a.nd2")
    assert np.isnan(read_stack(tmp_path / "a.nd2", scale=0.2).scale[0])


def test_metadata_that_are_missing_are_unknown(tmp_path, fake):
    fake.sizes, fake.names = ValueError("no distance scale"), KeyError("Channel")
    with pytest.raises(ValueError, match=r"a\.nd2: .*pixel size .*along y and x\."):
        read_stack(tmp_path / "a.nd2")
    stack = read_stack(tmp_path / "a.nd2", scale=0.2)
    assert stack.channels == ("", "", "") and stack.scale[1:] == (0.2, 0.2)
    np.testing.assert_array_equal(stack.channel(1), fake.data[0, 1])


def test_a_damaged_file(tmp_path, fake):
    fake.error = RuntimeError("no\n  subblocks")
    with pytest.raises(ValueError, match=r"a\.lif: .*bioio: RuntimeError: no subblocks\. .*OME-TIFF"):
        read_stack(tmp_path / "a.lif")


@pytest.mark.parametrize("suffix", ["lif", "nd2"])
@pytest.mark.parametrize("missing", ["bioio", "plugin"])
def test_without_the_package_it_says_what_to_install(tmp_path, fake, monkeypatch, suffix, missing):
    monkeypatch.setitem(sys.modules, "bioio" if missing == "bioio" else f"bioio_{suffix}", None)
    message = rf"a\.{suffix}: {suffix.upper()} needs bioio-{suffix}: pip install 'icell_tf\[{suffix}\]'"
    with pytest.raises(ImportError, match=message):
        read_stack(tmp_path / f"a.{suffix}")


def write_lif(path, scenes):
    """A LIF as Leica's confocals write it, of {name: (Z, C, Y, X) uint16} with voxels of (0.5, 0.3, 0.2) µm."""
    elements, blocks = "", b""
    for number, (name, data) in enumerate(scenes.items()):
        (z, c, y, x), steps = data.shape, data.strides
        dimensions = "".join(
            f'<DimensionDescription DimID="{i}" NumberOfElements="{n}" Origin="0" Length="{(n - 1) * size}" Unit="m" '
            f'BytesInc="{step}" BitInc="0"/>'
            for i, n, size, step in ((1, x, 2e-7, 2), (2, y, 3e-7, steps[2]), (3, z, 5e-7, steps[0]))
        )
        channels = "".join(
            f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" NameOfMeasuredQuantity="" Min="0" '
            f'Max="1" Unit="" LUTName="{lut}" IsLUTInverted="0" BytesInc="{k * steps[1]}" BitInc="0"/>'
            for k, lut in zip(range(c), ("Red", "Blue"), strict=True)
        )
        image = f"<Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions>"
        image = f"<Image><ImageDescription>{image}</ImageDescription></Image>"
        elements += f'<Element Name="{name}"><Data>{image}</Data>'
        elements += f'<Memory Size="{data.nbytes}" MemoryBlockID="block{number}"/></Element>'
        block = f"block{number}"
        head = struct.pack("<IIBQBI", 0x70, 14 + 2 * len(block), 0x2A, data.nbytes, 0x2A, len(block))
        blocks += head + block.encode("utf-16-le") + data.tobytes()
    xml = f'<LMSDataContainerHeader Version="2"><Element Name="a"><Children>{elements}</Children></Element>'
    xml += "</LMSDataContainerHeader>"
    path.write_bytes(struct.pack("<IIBI", 0x70, 5 + 2 * len(xml), 0x2A, len(xml)) + xml.encode("utf-16-le") + blocks)


def test_real_lif(tmp_path, pixels):
    """A file in Leica's layout. Runs where the extra `lif` is installed."""
    pytest.importorskip("bioio_lif", reason="the extra lif isn't installed")
    scenes = {name: pixels(4, 2, 30, 40) for name in ("Position 1", "Position 2")}
    write_lif(tmp_path / "a.lif", scenes)
    with pytest.raises(ValueError, match=r"a\.lif: holds 2 scenes \(0: Position 1, 1: Position 2\)"):
        read_stack(tmp_path / "a.lif")
    stack = read_stack(tmp_path / "a.lif", scene="Position 2")
    assert stack.channels == ("Red", "Blue")
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2))
    np.testing.assert_array_equal(stack.channel("Blue"), scenes["Position 2"][:, 1])
    write_lif(tmp_path / "b.lif", {"only": scenes["Position 1"]})
    np.testing.assert_array_equal(read_stack(tmp_path / "b.lif").data, np.moveaxis(scenes["Position 1"], 1, 0))
    (tmp_path / "b.lif").write_bytes((tmp_path / "b.lif").read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"b\.lif: (can't be read|its voxels can't be read): "):
        read_stack(tmp_path / "b.lif").channel(1)

"""CZI: by a stand-in for Zeiss' library, and by the library itself where it is installed."""

import sys
import types
from collections import namedtuple

import numpy as np
import pytest

from icell_tf.imaging.read import read_stack

Rectangle = namedtuple("Rectangle", "x y w h")
SCALING = "".join(
    f"<Distance Id='{axis}'><Value>{size}</Value></Distance>"
    for axis, size in zip("XYZ", (2e-7, 3e-7, 5e-7), strict=True)
)
SCENES = '<Scene Index="0" Name="P1"><Shape Name="A1"/></Scene><Scene Index="1" Name="P2"/>'


def metadata(names=(), scaling=SCALING, scenes=""):
    channels = "".join(f'<Channel Id="Channel:{i}" Name="{name}"/>' for i, name in enumerate(names))
    dimensions = f"<Dimensions><Channels>{channels}</Channels><S><Scenes>{scenes}</Scenes></S></Dimensions>"
    image = f"<Information><Image>{dimensions}</Image></Information>"
    scaling = f"<Scaling><Items>{scaling}</Items></Scaling>" if scaling else ""
    return f"<ImageDocument><Metadata>{image}{scaling}</Metadata></ImageDocument>"


class File:
    """What pylibCZIrw hands out of a file of {scene: (C, Z, Y, X)}; C begins with 1, as after cropping."""

    def __init__(self, scenes, xml, kind="Gray16", more=None):
        self.scenes, self.raw_metadata, self.kind, self.planes = scenes, xml, kind, []
        self.scenes_bounding_rectangle = {
            scene: Rectangle(100 * scene, 0, data.shape[3], data.shape[2])
            for scene, data in scenes.items()
            if scene is not None
        }
        first = next(iter(scenes.values()))
        self.total_bounding_rectangle = Rectangle(0, 0, first.shape[3], first.shape[2])
        self.total_bounding_box = {
            "C": (1, 1 + len(first)),
            "Z": (0, first.shape[1]),
            "T": (0, 1),
            "X": (0, 999),
            "Y": (0, 999),
        }
        self.total_bounding_box |= more or {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_channel_pixel_type(self, channel):
        assert channel == self.total_bounding_box["C"][0]
        return self.kind

    def read(self, plane, scene):
        self.planes.append((scene, plane["C"], plane["Z"]))
        data = self.scenes[scene][plane["C"] - 1, plane["Z"]]
        return data if data.ndim == 3 else data[..., None]


@pytest.fixture
def czi(monkeypatch, tmp_path):
    """A function that makes a.czi such a file."""

    def install(file):
        library = types.SimpleNamespace(open_czi=lambda path: file)
        monkeypatch.setitem(sys.modules, "pylibCZIrw", types.SimpleNamespace(czi=library))
        monkeypatch.setitem(sys.modules, "pylibCZIrw.czi", library)
        (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
        return tmp_path / "a.czi"

    return install


def test_channels_scale_and_only_the_planes_that_are_wanted(czi, pixels):
    data = pixels(3, 4, 5, 6)
    file = File({None: data}, metadata(["EGFP", "DAPI", "CMDRP"]))
    stack = read_stack(czi(file))
    assert (stack.shape, stack.dtype, stack.guesses) == ((3, 4, 5, 6), np.uint16, ())
    assert stack.channels == ("EGFP", "DAPI", "CMDRP") and stack.scale == pytest.approx((0.5, 0.3, 0.2))
    file.planes.clear()  # those that the axes were checked with
    np.testing.assert_array_equal(stack.channel("DAPI"), data[1])
    assert file.planes == [(None, 2, z) for z in range(4)]
    np.testing.assert_array_equal(stack.data, data)


@pytest.mark.parametrize(
    "scaling", ["", "<Distance Id='X'><Value/></Distance>", "<Distance Id='Y'><Value>0</Value></Distance>"]
)
def test_without_scaling_the_rest_is_read(czi, pixels, scaling):
    path = czi(File({0: pixels(2, 4, 5, 6)}, metadata(["membrane", "dna"], scaling)))
    with pytest.raises(ValueError, match=r"a\.czi: .*no pixel size .*along y and x.*--pixel_size"):
        read_stack(path)
    stack = read_stack(path, scale=0.3)
    assert stack.channels == ("membrane", "dna") and stack.scale[1:] == (0.3, 0.3) and np.isnan(stack.scale[0])


@pytest.mark.parametrize(("scenes", "names"), [(SCENES, ("P1-A1", "P2")), ("", ("0", "1"))])
def test_several_scenes_are_refused_until_one_is_chosen(czi, pixels, scenes, names):
    """Also those that only the voxels know of, as software writes them."""
    data = {0: pixels(2, 3, 5, 6), 1: pixels(2, 3, 7, 8)}
    path = czi(File(data, metadata(["membrane", "dna"], scenes=scenes)))
    with pytest.raises(ValueError, match=rf"a\.czi: holds 2 scenes \(0: {names[0]}, 1: {names[1]}\).*--scene"):
        read_stack(path)
    for number, name in enumerate(names):
        np.testing.assert_array_equal(read_stack(path, scene=name).data, data[number])


def test_colours(czi, pixels):
    data = pixels(1, 1, 5, 6, 3, dtype=np.uint8)
    stack = read_stack(czi(File({None: data}, metadata(), "Bgr24")))
    np.testing.assert_array_equal(stack.data[:, 0], np.moveaxis(data[0, 0, ..., ::-1], -1, 0))


@pytest.mark.parametrize(
    ("kind", "more", "found"),
    [("Gray16", {"H": (0, 3)}, "3 images along its axis H"), ("Gray64Complex", {}, "Gray64Complex")],
)
def test_what_cant_be_read_is_named(czi, pixels, kind, more, found):
    with pytest.raises(ValueError, match=rf"a\.czi: has .*{found}.*OME-TIFF"):
        read_stack(czi(File({None: pixels(1, 1, 5, 6)}, metadata(), kind, more)))


def test_a_damaged_file(czi, pixels):
    with pytest.raises(ValueError, match=r"a\.czi: can't be read as a CZI: .*again"):
        read_stack(czi(File({None: pixels(1, 1, 5, 6)}, "<ImageDocument>")))


def test_without_the_package_it_says_what_to_install(czi, pixels, monkeypatch):
    path = czi(File({None: pixels(1, 1, 5, 6)}, metadata()))
    monkeypatch.setitem(sys.modules, "pylibCZIrw.czi", None)
    with pytest.raises(ImportError, match=r"a\.czi: CZI needs pylibCZIrw: pip install 'icell_tf\[czi\]'"):
        read_stack(path)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("scenes", [1, 2])
def test_real_czi(tmp_path, pixels, scaled, scenes):
    """Zeiss' own library writes the file. Runs where the extra `czi` is installed."""
    library = pytest.importorskip("pylibCZIrw.czi", reason="the extra czi isn't installed")
    data, path = [pixels(2, 4, 50, 60 + i) for i in range(scenes)], str(tmp_path / "a.czi")
    sizes = dict(zip(("scale_x", "scale_y", "scale_z"), (2e-7, 3e-7, 5e-7) if scaled else (None,) * 3, strict=True))
    with library.create_czi(path) as file:
        for s, c, z in np.ndindex(scenes, 2, 4):
            place = {"scene": s, "location": (100 * s, 0)} if scenes > 1 else {}
            file.write(data[s][c, z][..., None], plane={"C": c, "Z": z, "T": 0}, **place)
        file.write_metadata("a", channel_names={0: "membrane", 1: "dna"}, **sizes)
    scene = scenes - 1
    stack = read_stack(path, scene=scene, scale=None if scaled else 0.3)
    assert stack.channels == ("membrane", "dna")
    assert stack.scale == pytest.approx((0.5, 0.3, 0.2)) if scaled else stack.scale[1:] == (0.3, 0.3)
    np.testing.assert_array_equal(stack.channel("dna"), data[scene][1])
    np.testing.assert_array_equal(stack.data, data[scene])
    if scenes > 1:
        with pytest.raises(ValueError, match="holds 2 scenes"):
            read_stack(path)

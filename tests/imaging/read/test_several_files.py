"""OME-TIFF of several files: from any of them or from their companion; what is missing is named."""

import re

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.read import read_stack


@pytest.fixture
def several_files(tmp_path):
    """A function that writes (C, Z, Y, X) as OME-TIFFs of a plane each, with the metadata in all or one."""

    def write(data, where, images=1):
        """`data` is a list of images if there are several."""
        files = {}  # file -> its plane
        xml = ""
        for image in range(images):
            each = data[image] if images > 1 else data
            count, planes, height, width = each.shape
            listed = ""
            for c, z in np.ndindex(count, planes):
                name = f"p{image}_c{c}_z{z}.ome.tif"
                files[name] = each[c, z]
                listed += f'<TiffData FirstC="{c}" FirstZ="{z}" PlaneCount="1" IFD="0">'
                listed += f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
            channels = "".join(f'<Channel ID="Channel:{image}:{c}" Name="stain{c}"/>' for c in range(count))
            sizes = f'SizeC="{count}" SizeZ="{planes}" SizeT="1" SizeY="{height}" SizeX="{width}" Type="uint16"'
            scale = f'PhysicalSizeX="{0.2 + image}" PhysicalSizeY="0.3" PhysicalSizeZ="0.5"'
            xml += f'<Image ID="Image:{image}" Name="pos{image}"><Pixels ID="Pixels:{image}" DimensionOrder="XYZCT" '
            xml += f"{sizes} {scale}>{channels}{listed}</Pixels></Image>"
        head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{}">{}</OME>'
        first = next(iter(files))
        pointer = first if where == "first" else "a.companion.ome"
        pointer = f'<BinaryOnly MetadataFile="{pointer}" UUID="urn:uuid:{pointer}"/>'
        for name, plane in files.items():
            description = head.format(name, xml if where == "all" or (where, name) == ("first", first) else pointer)
            tifffile.imwrite(tmp_path / name, plane, description=description.encode(), metadata=None)
        if where == "companion":
            text = '<?xml version="1.0" encoding="UTF-8"?>' + head.format("companion", xml)
            (tmp_path / "a.companion.ome").write_text(text, encoding="utf-8")
        return [tmp_path / name for name in files]

    return write


@pytest.mark.parametrize("given", ["a.companion.ome", "p0_c0_z0.ome.tif", "p0_c1_z2.ome.tif"])
def test_several_files_with_a_companion(tmp_path, pixels, several_files, given):
    """From any of them; read alone, a file would be a plane without names and pixel size."""
    data = pixels(2, 3, 4, 5)
    several_files(data, "companion")
    stack = read_stack(tmp_path / given)
    np.testing.assert_array_equal(stack.data, data)
    assert stack.channels == ("stain0", "stain1") and stack.scale == (0.5, 0.3, 0.2) and stack.guesses == ()


@pytest.mark.parametrize("where", ["all", "first"])
def test_several_files_without_a_companion(pixels, several_files, where):
    data = pixels(2, 3, 4, 5)
    for path in several_files(data, where)[::5]:
        np.testing.assert_array_equal(read_stack(path).data, data)


@pytest.mark.parametrize("where", ["all", "first", "companion"])
def test_of_several_images_a_file_is_the_one_that_it_holds(tmp_path, pixels, several_files, where):
    """As microscopes write a file for each position; the other positions' files need not be there."""
    data = pixels(2, 1, 1, 4, 5)
    paths = several_files(data, where, images=2)
    for i, path in enumerate(paths):
        stack = read_stack(path)
        np.testing.assert_array_equal(stack.data, data[i])
        assert stack.scale == pytest.approx((0.5, 0.3, 0.2 + i))
    if where == "companion":
        with pytest.raises(ValueError, match=r"a\.companion\.ome: holds 2 scenes \(0: pos0, 1: pos1\)"):
            read_stack(tmp_path / "a.companion.ome")
        np.testing.assert_array_equal(read_stack(tmp_path / "a.companion.ome", scene="pos1").data, data[1])
    if where != "first":
        paths[0].unlink()
    stack = read_stack(paths[1])
    np.testing.assert_array_equal(stack.data, data[1])
    assert stack.scale == pytest.approx((0.5, 0.3, 1.2))


def test_what_is_missing_of_several_files_is_named(tmp_path, pixels, several_files):
    paths = several_files(pixels(2, 3, 4, 5), "companion")
    paths[3].unlink()
    with pytest.raises(ValueError, match=r"p0_c0_z0\.ome\.tif: .*p0_c1_z0\.ome\.tif .*missing"):
        read_stack(paths[0])
    (tmp_path / "a.companion.ome").unlink()
    with pytest.raises(ValueError, match=r"p0_c0_z0\.ome\.tif: .*a\.companion\.ome, which isn't there"):
        read_stack(paths[0])


def test_a_file_that_was_renamed(tmp_path, pixels, write_ome):
    """Some programs write the file's own name into it, and no identifier beside it."""
    data = pixels(2, 3, 4, 5)
    with tifffile.TiffFile(write_ome(tmp_path / "new.ome.tif", data, "CZYX")) as tiff:
        xml = re.sub(' UUID="[^"]+"', "", tiff.ome_metadata)
    xml = xml.replace('PlaneCount="6"/>', 'PlaneCount="6"><UUID FileName="old.ome.tif">urn:uuid:1</UUID></TiffData>')
    options = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(tmp_path / "new.ome.tif", data, description=xml.encode(), **options)
    with pytest.raises(ValueError, match=r"new\.ome\.tif: the file old\.ome\.tif .*is missing.*was renamed"):
        read_stack(tmp_path / "new.ome.tif")
    (tmp_path / "new.ome.tif").rename(tmp_path / "old.ome.tif")
    np.testing.assert_array_equal(read_stack(tmp_path / "old.ome.tif").data, data)


def test_xml_that_is_no_companion(tmp_path):
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><Experiment/>')
    with pytest.raises(ValueError, match=r"a\.xml: is XML that lists no files"):
        read_stack(tmp_path / "a.xml")
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><Experiment>')
    with pytest.raises(ValueError, match=r"a\.xml: can't be read as OME-XML"):
        read_stack(tmp_path / "a.xml")


def test_a_missing_file_of_several_is_noticed(tmp_path, pixels, write_ome):
    path = write_ome(tmp_path / "a.ome.tif", pixels(2, 3, 4, 5), "CZYX")
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
    uuid = '<UUID FileName="b.ome.tif">urn:uuid:00000000-0000-0000-0000-000000000000</UUID>'
    halved = xml.replace('PlaneCount="6"/>', f'PlaneCount="3"/><TiffData FirstC="1" PlaneCount="3">{uuid}</TiffData>')
    assert halved != xml
    tifffile.imwrite(path, pixels(3, 4, 5), description=halved.encode(), metadata=None, photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.ome\.tif: .*missing"):
        read_stack(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_image_that_lies_in_another_file(tmp_path, pixels, write_ome, compression):
    """An OME-TIFF may list the pages of others, as microscopes write one for each position or channel."""
    data = pixels(2, 3, 4, 5)
    with tifffile.TiffFile(write_ome(tmp_path / "b.ome.tif", data, "CZYX", compression=compression)) as tiff:
        xml = tiff.ome_metadata
    uuid = xml.split('UUID="')[1].split('"')[0]
    listed = f'PlaneCount="6"><UUID FileName="b.ome.tif">{uuid}</UUID></TiffData>'
    xml = xml.replace('PlaneCount="6"/>', listed).replace(f'UUID="{uuid}"', 'UUID="urn:uuid:0"')
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels(7, 8), description=xml.encode(), metadata=None)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.ome.tif").data, data)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(ValueError, match=r"a\.ome\.tif: the file b\.ome\.tif .*is missing"):
        read_stack(tmp_path / "a.ome.tif", scale=1)

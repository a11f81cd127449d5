"""OME-XML: the metadata of an OME-TIFF, in the TIFF itself, or in a companion where the image is several TIFFs."""

import xml.etree.ElementTree as ElementTree

from icell_tf.imaging.read.source import UNKNOWN_SCALE, StackError, parser_errors
from icell_tf.imaging.read.units import micrometres

MAGIC = (b"<?xml", b"<OME", b"\xef\xbb\xbf<")  # how a companion starts


def metadata_file(xml) -> str:
    """Returns the name of the companion if a TIFF's metadata only point to it, else ""."""
    found = ElementTree.fromstring(xml).find("{*}BinaryOnly")
    return "" if found is None else found.get("MetadataFile") or ""


def read_companion(path) -> tuple[str, list[str]]:
    """Returns a companion's text, and the names of the TIFFs that it lists. Raises: StackError: it lists none."""
    with parser_errors(path, "can't be read as OME-XML"):
        with open(path, encoding="utf-8-sig") as file:
            xml = file.read().strip()
        files = [uuid.get("FileName") for uuid in ElementTree.fromstring(xml).iterfind(".//{*}TiffData/{*}UUID")]
    files = list(dict.fromkeys(name for name in files if name))
    if not files:
        raise StackError(
            f"{path}: is XML that lists no files of an OME-TIFF. Give the image, or export it as OME-TIFF."
        )
    return xml, files


def channels_and_scale(xml, number, count, name) -> tuple[tuple[str, ...], tuple[float, float, float]]:
    """Returns channel names, and (z, y, x) in µm, of one of the images.

    Args: xml: the metadata. number, count, name: the image's number and name, and how many the TIFF has.
    """
    images = [
        (image.get("Name"), pixels)
        for image in ElementTree.fromstring(xml).iterfind("{*}Image")
        for pixels in image.iterfind("{*}Pixels")
    ]
    if len(images) != count:  # images without a page are left out
        images = [image for image in images if image[0] == name] or images[:1]
        number = 0
    if not images:
        return (), UNKNOWN_SCALE
    _, pixels = images[number]
    names = tuple(channel.get("Name") or "" for channel in pixels.iterfind("{*}Channel"))
    sizes = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"
    )
    return names, tuple(sizes)

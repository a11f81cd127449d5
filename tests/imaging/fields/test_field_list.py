"""Fields named or listed: what is refused before any work, and what is said of it."""

import unicodedata

import numpy as np
import pytest
import tifffile

from icell_tf.imaging.fields import cut
from icell_tf.imaging.fields.field_list import Field, find_fields, read_fields
from icell_tf.imaging.frame.masks import Choices

from .conftest import CHANNELS


@pytest.mark.parametrize(
    "change, message",
    [
        ({"cell_labels": "none.tif"}, "none.tif: there is no such file"),
        ({"path": "none.tif"}, "none.tif: there is no such file"),
        ({"structure": ""}, "name of the structure in channel 2 is missing"),
        ({"channels": {"membrane": 0, "nucleus": 1}}, "channels. It has 3 channels: 0: membrane, 1: DNA, 2: tubulin"),
        ({"channels": {"membrane": 0, "nucleus": "GFP"}}, "there is no channel called 'GFP'"),
        ({"channels": {"membrane": 0, "nucleus": 1, "structure": 5}}, "there is no channel 5"),
        ({"path": "twice.tif", "channels": {"membrane": "Gray", "nucleus": 1}}, "several channels are called 'Gray'"),
        ({"segmentation_channels": {"cell": 7, "nucleus": 0}}, "cells.tif: there is no channel 7"),
        ({"segmentation_channels": {"cell": 0, "nucleus": "nope"}}, "nuclei.tif: there is no channel called 'nope'"),
        ({"scale": (-1.0,)}, "pixel size of positive"),
        ({"channels": {"membrane": 0, "nucleus": "membrane"}}, "membrane and nucleus are both channel 0"),
        ({"nucleus_labels": "cells.tif"}, "cells.tif: is given as label image of the cells and of the nuclei"),
        ({"nucleus_labels": "coarse.ome.tif"}, "coarse.ome.tif: the masks' file says a pixel size of z 1, y 1, x 1 µm"),
        ({"path": "bare.tif"}, "no pixel size"),
        (
            {"nucleus_labels": "small.tif"},
            "small.tif: the label image has the shape (1, 3, 4), the field (14, 118, 140)",
        ),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(
    field, simulated, files, tmp_path, monkeypatch, change, message
):
    plain = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(files / "bare.tif", np.zeros((3, 5, 5), np.uint16), **plain)
    tifffile.imwrite(files / "small.tif", np.ones((3, 4), np.uint8))
    metadata = {"axes": "CZYX", "Channel": {"Name": ["Gray"] * 3}, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    tifffile.imwrite(files / "twice.tif", simulated.channels, ome=True, photometric="minisblack", metadata=metadata)
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 1, "PhysicalSizeY": 1, "PhysicalSizeX": 1}
    tifffile.imwrite(files / "coarse.ome.tif", simulated.nuclei, ome=True, photometric="minisblack", metadata=metadata)
    monkeypatch.chdir(files)
    bad = Field(**{**vars(field), "field_id": "bad", **change})
    with pytest.raises(ValueError, match="^1 field .*\n  FieldId bad, ") as error:
        cut.cut_fields([field, bad], tmp_path / "out")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_one_of_several_scenes(field, simulated, files, tmp_path):
    with tifffile.TiffWriter(files / "two.ome.tif", ome=True) as file:
        for name, size in (("one", 0.4), ("two", 0.5)):
            metadata = {"axes": "CZYX", "Name": name, "PhysicalSizeX": size, "PhysicalSizeY": size}
            file.write(simulated.channels, photometric="minisblack", metadata=metadata)
    several = Field(**{**vars(field), "path": str(files / "two.ome.tif")})
    with pytest.raises(ValueError, match=r"two\.ome\.tif: holds 2 scenes .*--scene"):
        cut.cut_fields([several], tmp_path / "out")
    (files / "fields.csv").write_text("FieldId,path,scene\nf1,two.ome.tif,two\nf2,two.ome.tif,\n")
    fields = read_fields(files / "fields.csv", channels={"membrane": 0, "nucleus": 1}, scene="0")
    assert [each.open()[0].scale[1] for each in fields] == [0.5, 0.4]


def test_names_may_be_composed_or_decomposed(files):
    names = {form: unicodedata.normalize(form, "größe é.tif") for form in ("NFC", "NFD")}
    (files / names["NFD"]).touch()
    (files / "fields.csv").write_text(f"FieldId,path\nf1,{names['NFC']}\n", encoding="utf-8")
    assert read_fields(files / "fields.csv")[0].path == str(files / names["NFD"])
    (found,) = find_fields([files / names["NFC"]], cell_labels=[files / names["NFC"]])
    assert found.path == found.cell_labels == str(files / names["NFD"])


def test_two_fields_of_one_name_are_refused(field, tmp_path):
    with pytest.raises(ValueError, match="FieldId a: 2 fields"):
        cut.cut_fields([field, field], tmp_path / "out")


def test_fields_csv(files):
    listing = files / "fields.csv"
    listing.write_text(
        "FieldId,path,structure_name,cell_labels,nucleus_labels,scale_micron,channels\n"
        'f1,a.ome.tif,tom20,cells.tif,nuclei.tif,"[0.8, 0.5, 0.5]","membrane:2,nucleus:1,structure:0"\n'
        "f2,a.ome.tif,zo1,,,,\n"
    )
    first, second = read_fields(listing, channels=CHANNELS)
    image, *labels = (str(files / name) for name in ("a.ome.tif", "cells.tif", "nuclei.tif"))
    channels = {"membrane": 2, "nucleus": 1, "structure": 0}
    assert first == Field("f1", image, "tom20", *labels, channels, (0.8, 0.5, 0.5))
    assert (second.cell_labels, second.channels, second.scale) == ("", CHANNELS, None)
    assert find_fields([listing], channels=CHANNELS) == [first, second]
    with pytest.raises(ValueError, match="fields.csv.*alone.* cell_labels and nucleus_labels"):
        find_fields([listing], "zo1")


@pytest.mark.parametrize(
    "text, message",
    [
        ("FieldId,image\nf1,a.tif\n", "path are missing.* list of fields"),
        ("FieldId,path\n", "no rows"),
        ("FieldId,path\nf1,\n", "line 2: .*path is empty"),
        ("FieldId,path\nf1,a.tif,b,c\n", "line 2: .*4 values, expected 2"),
        ('FieldId,path,channels\nf1,a.tif,"membrane:0"\n', "line 2: .*channels is 'membrane:0'"),
        ("FieldId,path,scale_micron\nf1,a.tif,[0]\n", r"line 2: scale_micron is '\[0\]'"),
    ],
)
def test_a_bad_fields_csv_names_line_and_reason(tmp_path, text, message):
    (tmp_path / "fields.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_fields(tmp_path / "fields.csv")


def test_each_field_needs_its_labels():
    with pytest.raises(ValueError, match="--cell_labels .*1 file .* 2 fields"):
        find_fields(["a.tif", "b.tif"], cell_labels=["c.tif"])
    with pytest.raises(ValueError, match="--mask_threshold .* --nucleus_labels"):
        find_fields(["a.tif"], choices=Choices({}, {"cell": 0.5}))


@pytest.mark.parametrize("axes, several", [("CYX", False), ("TYX", False), ("CZYX", True)])
def test_labels_of_other_axes_are_refused_with_advice(field, simulated, files, tmp_path, axes, several):
    labels = np.stack([simulated.cells] * 2) if several else simulated.cells
    tifffile.imwrite(files / "cells.tif", labels, ome=True, photometric="minisblack", metadata={"axes": axes})
    with pytest.raises(ValueError, match="FieldId a, .*cells.tif: .*--axes .*YX or ZYX") as error:
        cut.cut_fields([field], tmp_path / "out", report=lambda line: None)
    assert ("--segmentation_channels" in str(error.value)) == several


def test_roles_of_one_file_of_labels_need_a_channel_each(field, simulated, files, tmp_path):
    metadata = {"axes": "CZYX", "Channel": {"Name": ["1", "0"]}}
    labels = np.stack([simulated.cells, simulated.nuclei])
    tifffile.imwrite(files / "both.ome.tif", labels, ome=True, photometric="minisblack", metadata=metadata)
    both = dict.fromkeys(("cell_labels", "nucleus_labels"), str(files / "both.ome.tif"))

    def cut_with(**channels):
        given = Field(**{**vars(field), **both, "segmentation_channels": channels})
        return cut.cut_fields([given], tmp_path / "out", report=lambda line: None)

    with pytest.raises(ValueError, match="both.ome.tif: cell and nucleus are both channel 1"):
        cut_with(cell="0", nucleus="0")
    with pytest.raises(ValueError, match="both.ome.tif: --segmentation_channels has cell:0.*called 0: .*cell:name=0"):
        cut_with(cell=0, nucleus=1)
    assert cut_with(cell="1", nucleus="0")["kept"] == 4


def test_labels_that_are_copies_are_refused(field, files, tmp_path):
    (files / "nuclei.tif").write_bytes((files / "cells.tif").read_bytes())
    with pytest.raises(ValueError, match="FieldId a: .*cells.tif and .*nuclei.tif: .*cell and nucleus hold the same"):
        cut.cut_fields([field], tmp_path / "out", report=lambda line: None)


def test_axes_hold_for_labels_of_as_many_dimensions(field, simulated, files, tmp_path):
    """The files of the field and of its labels call channels planes, and planes time points."""
    labels = np.stack([simulated.cells, simulated.nuclei])
    for name, data in (("a.ome.tif", simulated.channels), ("both.tif", labels)):
        tifffile.imwrite(files / name, np.moveaxis(data, 0, 1), ome=True, metadata={"axes": "TZYX"})
    both = dict.fromkeys(("cell_labels", "nucleus_labels"), str(files / "both.tif"))
    channels = {"segmentation_channels": {"cell": 0, "nucleus": 1}}
    given = Field(**{**vars(field), **both, **channels, "axes": "ZCYX", "scale": simulated.scale})
    assert cut.cut_fields([given], tmp_path / "out", report=lambda line: None)["kept"] == 4


def test_a_damaged_label_image_gets_no_advice_on_axes(field, files, tmp_path):
    (files / "cells.tif").write_bytes(b"II*\0")
    with pytest.raises(ValueError, match="FieldId a, .*cells.tif: ") as error:
        cut.cut_fields([field], tmp_path / "out", report=lambda line: None)
    assert "--axes" not in str(error.value) and "--segmentation_channels" not in str(error.value)

"""Miniature collections in their real layouts, made of simulated cells."""

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image

from icell_tf import simulate, structures
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.read.channels import CHANNEL_ROLES

# The columns of the quilt package's metadata.csv, apart from its many meta_ ones.
COLUMNS = (
    "CellId roi crop_raw crop_seg name_dict fov_path fov_seg_path struct_seg_path structure_name "
    "this_cell_nbr_complete this_cell_nbr_dist_2d scale_micron edge_flag FOVId this_cell_index PlateId WellId "
    "cell_stage outlier ChannelNumberStruct ChannelNumberBrightfield ChannelNumber405 ChannelNumber638"
).split()
NAME_DICT = (
    "{'crop_raw': ['dna', 'membrane', 'structure'], 'crop_seg': ['dna_segmentation', 'membrane_segmentation', "
    "'membrane_segmentation_roof', 'struct_segmentation', 'struct_segmentation_roof']}"
)


@pytest.fixture(scope="session")
def simulated():
    """Three simulated cells: beta-actin, lamin-b1 and tom20."""
    names = ("beta-actin", "lamin-b1", "tom20")
    return {name: simulate.simulate_cell(3 + i, structures.NAMES.index(name), 0.6) for i, name in enumerate(names)}


@pytest.fixture(scope="session")
def pictures(simulated):
    """The simulated cells as the authors' release has its pictures: masked, background off, aligned, at 0.108 µm."""
    return {
        name: preprocess(c.channels, c.cell_mask, c.nucleus_mask, c.scale, Frame((300, 300), (0.108, 0.108))).image
        for name, c in simulated.items()
    }


@pytest.fixture
def paper_folder(tmp_path, pictures):
    """The release's layout: a folder a structure, called by its name, RGB: membrane, structure, nucleus."""
    folder = tmp_path / "ic2D"
    folders = [("Beta actin", "beta-actin"), ("Lamin B1", "lamin-b1"), ("Tom20", "tom20")]
    for name, structure in folders:
        (folder / name).mkdir(parents=True)
        picture = pictures[structure][..., [CHANNEL_ROLES.index(c) for c in ("membrane", "structure", "nucleus")]]
        for number in (1, 2):
            Image.fromarray(np.ascontiguousarray(picture)).save(folder / name / f"AICS-11_42_{number}.png")
    (folder / "citation.bib").write_text("@article{johnson2017generative,}")
    return folder


@pytest.fixture
def hipsc_folder(tmp_path, simulated):
    """The quilt package's layout, and its rows: metadata.csv, crop_raw and crop_seg, two cells from one field."""
    folder = tmp_path / "hipsc"
    folder.mkdir()
    genes = {"beta-actin": "ACTB", "lamin-b1": "LMNB1", "tom20": "CETN2"}
    named = enumerate(genes.items())
    rows = [_write_crops(folder, i, simulated[name], gene, 7000 + i // 2) for i, (name, gene) in named]
    write_table(folder / "metadata.csv", rows)
    return folder, rows


def _write_crops(folder, number, cell, gene, fov_id):
    """Writes a cell's crop_raw and crop_seg (ZCYX). Returns: its row of metadata.csv."""
    raw, seg = f"crop_raw/{number:064x}_raw.ome.tif", f"crop_seg/{number:064x}_segmentation.ome.tif"
    membrane, nucleus, structure = cell.channels
    masks = [cell.nucleus_mask, cell.cell_mask, cell.cell_mask, structure > structure.mean(), structure > 0]
    masks = [255 * mask.astype(np.uint8) for mask in masks]
    for name, channels in ((raw, [nucleus, membrane, structure]), (seg, masks)):
        (folder / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(folder / name, np.stack(channels, axis=1), metadata={"axes": "ZCYX"})
    row = {"CellId": 230000 + number, "structure_name": gene, "FOVId": fov_id, "crop_raw": raw, "crop_seg": seg}
    row |= {"name_dict": NAME_DICT, "scale_micron": str([float(size) for size in cell.scale]), "cell_stage": "M0"}
    return dict.fromkeys(COLUMNS, "") | {"this_cell_nbr_complete": "[(230001, 4.2), (230002, 7.7)]"} | row


def write_table(path, rows):
    """Writes metadata.csv."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)

import csv

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from icell_tf.reports import code_table
from tests.short_evaluation import coded_cells

NAMES, SIZE, LATENT = ("tom20", "zo1"), 16, 3


def coded(split, count):
    rng = np.random.default_rng(count)
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    images[:, 4:12, 4:12] = rng.integers(1, 255, (count, 8, 8, 3))
    z_r, z_s = rng.standard_normal((2, count, LATENT)).astype(np.float32)
    ids, certain = [f"{split}, {i}\t" for i in range(count)], np.eye(2)[np.zeros(count, int)]
    return coded_cells(images, np.arange(count) % 2, z_r, split=split, cell_ids=ids, probabilities=certain, z_s=z_s)


def test_codes_are_read_back_as_they_were(tmp_path):
    cells = {"train": coded("train", 3), "test": coded("test", 2)}
    assert code_table.write_codes(cells, NAMES, tmp_path / "out") == [tmp_path / "out" / code_table.CODES_FILE]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [code_table.CODES_FILE]
    with (tmp_path / "out" / code_table.CODES_FILE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "structure", "split", "z_r_1", "z_r_2", "z_r_3", "z_s_1", "z_s_2", "z_s_3"]
    assert [row["id"] for row in rows] == [*cells["train"].cell_ids, *cells["test"].cell_ids]
    assert [row["structure"] for row in rows] == ["tom20", "zo1", "tom20", "tom20", "zo1"]
    assert [row["split"] for row in rows] == ["train"] * 3 + ["test"] * 2
    for name in ("z_r", "z_s"):
        read = np.array([[row[f"{name}_{i + 1}"] for i in range(LATENT)] for row in rows]).astype(np.float32)
        np.testing.assert_array_equal(read, np.concatenate([getattr(c, name) for c in cells.values()]))


def test_the_files_of_the_projector_have_a_row_and_a_thumbnail_a_cell(tmp_path):
    cells = {"train": coded("train", 3), "test": coded("test", 2)}
    code_table.write_codes(cells, NAMES, tmp_path, tmp_path / "log")
    config = text_format.Parse((tmp_path / "log" / "projector_config.pbtxt").read_text(), projector.ProjectorConfig())
    assert [embedding.tensor_name for embedding in config.embeddings] == ["z_r", "z_s"]
    for embedding in config.embeddings:
        lines = (tmp_path / "log" / embedding.tensor_path).read_text().splitlines()
        read = np.array([line.split("\t") for line in lines]).astype(np.float32)
        np.testing.assert_array_equal(read, np.concatenate([getattr(c, embedding.tensor_name) for c in cells.values()]))
        labels = [line.split("\t") for line in (tmp_path / "log" / embedding.metadata_path).read_text().splitlines()]
        assert len(labels) == 1 + 5 and labels[5] == ["test, 1", "zo1", "test", "tom20"]
        with Image.open(tmp_path / "log" / embedding.sprite.image_path) as picture:
            sprite = np.asarray(picture)
        assert list(embedding.sprite.single_image_dim) == [8, 8] and sprite.shape == (24, 24, 3)  # cut to the cells
        tiles = sprite.reshape(3, 8, 3, 8, 3).swapaxes(1, 2).reshape(9, -1)
        assert (tiles.max(axis=1) > 0).tolist() == [True] * 5 + [False] * 4


def test_thumbnails_shrink_where_there_are_many_cells(monkeypatch):
    monkeypatch.setattr(code_table, "LARGEST_SPRITE", 10)
    thumbnails, side = code_table.sprite([coded("train", 4)])
    assert side == 5 and thumbnails.shape == (10, 10, 3)


def test_thumbnails_of_volumes_with_unequal_sides_are_squares_of_their_planes():
    images = np.zeros((2, 4, 8, 32, 3), np.uint8)
    images[:, 2, :, 12:20] = 200
    thumbnails, side = code_table.sprite([coded_cells(images)])
    assert side == 8 and thumbnails.shape == (16, 16, 3)
    assert (thumbnails[:8] > 0).any(axis=-1).all() and not thumbnails[8:].any()

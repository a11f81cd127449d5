"""All exhibits together: which there are, and what each caption says."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from icell_tf import paper

KEYS = (
    "figure_1 figure_2 figure_s6a figure_3 figure_s6b figure_s1 figure_s2 figure_s3 figure_s4a figure_s4b figure_s5a "
    "figure_s5b table_s1 table_s2 table_s3 table_s4 table_s5 table_s6 table_s7 table_s8 table_s9"
).split()


@pytest.fixture(scope="module")
def drawn(subject, cells):
    run = dataclasses.replace(subject.run, dataset=subject.prepared.dataset)
    return paper.draw(dataclasses.replace(subject, run=run), cells, seed=7)


def test_every_exhibit_is_a_picture_or_a_table(drawn):
    assert [exhibit.key for exhibit in drawn] == KEYS
    for exhibit in drawn:
        if exhibit.key.startswith("figure"):
            assert exhibit.picture.dtype == np.uint8 and exhibit.picture.shape[-1] == 3 and exhibit.table is None
            assert exhibit.picture.std() > 5
        else:
            header, rows = exhibit.table
            assert {len(row) for row in rows} == {len(header)} and exhibit.picture is None
            assert all(isinstance(text, str) for row in (header, *rows) for text in row)
        assert exhibit.paper.replace(" ", "_").replace("(", "").replace(")", "").lower().startswith(exhibit.key[:8])


def test_captions_name_n_seed_data_set_and_run(drawn, subject):
    for exhibit in drawn:
        assert "n = " in exhibit.caption, exhibit.key
        assert subject.prepared.dataset in exhibit.caption and "run tiny-conditional" in exhibit.caption
        chosen_by_seed = not exhibit.key.startswith("table") and exhibit.key != "figure_s3"
        assert ("seed 7" if chosen_by_seed or exhibit.key == "table_s9" else "seed ") in exhibit.caption
        assert "µm" in exhibit.caption or exhibit.key not in ("figure_2", "figure_3", "figure_s1", "figure_s5b")


def test_a_run_without_its_phase_1_has_the_other_exhibits(subject, cells):
    alone = dataclasses.replace(subject, curves={}, reference_trained=False)
    without_validation = {split: cells[split] for split in ("train", "test")}
    keys = [exhibit.key for exhibit in paper.draw(alone, without_validation)]
    assert keys == [key for key in KEYS if key not in ("figure_s1", "figure_s3")]


def test_codes_of_one_dimension_have_no_pictures_of_two(subject, cells, monkeypatch):
    for name in ("observed_cells", "predicted_cells", "reconstructed_cells"):
        monkeypatch.setattr(paper.cell_figures, name, lambda *_: [])
    monkeypatch.setattr(paper.network_tables, "tables_of_networks", lambda *_: [])
    known = subject.integrator
    flat = SimpleNamespace(spec=known.spec, latent_dim=1, structures=known.structures, decode=known.decode)
    flat = dataclasses.replace(subject, integrator=flat)
    keys = [exhibit.key for exhibit in paper.draw(flat, cells)]
    assert keys == ["figure_1", "figure_s3", "table_s8", "table_s9"]

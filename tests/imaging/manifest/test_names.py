"""Names and ids of cells in a manifest: which are held, letter by letter, and which are refused by name."""

import csv
import re
import unicodedata

import pytest

from icell_tf.imaging.manifest.manifest import list_manifest
from tests.building import DUMMY, STACKS, build, records


@pytest.fixture
def write(tmp_path):
    """A function that writes the dummy data's manifest with other values, a dictionary a row, and returns its path."""
    with (DUMMY / "manifest.csv").open(newline="") as file:
        known = list(csv.DictReader(file))

    def write(*changes):
        path = tmp_path / "manual" / "manifest.csv"
        path.parent.mkdir(exist_ok=True)
        rows = [dict(known[i % len(known)], CellId=f"cell {i}", FOVId=f"field {i}") for i in range(len(changes))]
        for row, change in zip(rows, changes, strict=True):
            row |= {name: str(DUMMY / row[name]) for name in ("crop_raw", "crop_seg")} | change
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


STRANGE = ['ER, rough "x"', "[golgi]", "../etc", ".hidden", "β-catenin (ΔN)", "l'actine", "a/b\\c", "{}", "%s", "null"]
IDS = ["a/b", "../up", "[1]", ".hidden", "a, b", 'say "x"', "-1", "é", "0", "None"]


def test_strange_names_and_ids_are_held(write, tmp_path):
    path = write(
        *({"structure_name": name, "CellId": one, "FOVId": one} for name, one in zip(STRANGE, IDS, strict=True))
    )
    config = STACKS | {"structures": STRANGE}
    builder = build(tmp_path / "data", config, path.parent)
    names = builder.info.features["structure"].names
    found = {
        record["cell_id"].decode(): (names[record["structure"]], record["fov_id"].decode())
        for split in builder.info.splits
        for record in records(builder, split)
    }
    assert found == {one: (name, one) for one, name in zip(IDS, STRANGE, strict=True)}


def test_what_nobody_sees_makes_no_other_name(write):
    forms = [{"structure_name": unicodedata.normalize(form, "Noyau café")} for form in ("NFC", "NFD", "NFC", "NFD")]
    cells, problems = list_manifest(write(*forms))
    assert len({cell.structure for cell in cells}) == 1 and len(cells) == 4 and not problems
    spaces = [{"structure_name": name} for name in ("early endosome", " early endosome", "early  endosome ")]
    cells, problems = list_manifest(write(*spaces))
    assert {cell.structure for cell in cells} == {"early endosome"} and not problems
    forms = [{"CellId": unicodedata.normalize(form, "é1")} for form in ("NFC", "NFD")]
    cells, problems = list_manifest(write(*forms))
    assert not cells and all("occurs in 2 rows" in problem.reason for problem in problems)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"structure_name": "x" * 101}, "structure_name is 'x+'... of 101 letters, expected 100 at most"),
        ({"structure_name": "tom\n20"}, r"structure_name is 'tom\\n20', expected printable text"),
        ({"structure_name": "zero\u200bwidth"}, "structure_name is .*expected printable text"),
        ({"structure_name": "Generated"}, "structure_name is 'Generated', which is what the model calls its own cells"),
        ({"CellId": "x" * 201}, "CellId is .*201 letters, expected 200 at most"),
        ({"CellId": "a\nb"}, r"CellId is 'a\\nb', expected printable text"),
        ({"FOVId": "a\u2028b"}, "FOVId is .*expected printable text"),
    ],
)
def test_names_that_can_not_be_kept_are_refused_with_their_line(write, change, reason):
    cells, (problem,) = list_manifest(write({}, change, {}))
    assert len(cells) == 2
    assert "line 3" in problem.source
    assert re.search(reason, problem.reason), problem.reason

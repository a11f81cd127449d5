import numpy as np
import pytest

from icell_tf import structures


def test_counts_add_up_as_in_table_s8():
    assert all(s.train + s.test == s.total for s in structures.STRUCTURES)
    assert sum(s.total for s in structures.STRUCTURES) == 6077
    assert sum(s.test for s in structures.STRUCTURES) == 304


def test_table_order_comes_first():
    assert structures.in_table_order(["zo1", "lysosome", "alpha-actinin", "endosome"]) == (
        "alpha-actinin",
        "zo1",
        "endosome",
        "lysosome",
    )


def test_colors_are_distinct_also_for_unknown_structures():
    found = structures.colors([*structures.NAMES, "lysosome", "endosome", "golgi"])
    distances = [np.abs(np.subtract(a, b)).max() for i, a in enumerate(found) for b in found[:i]]
    assert min(distances) > 0.1


def test_structures_are_known_by_any_spelling_and_others_stay():
    released = "Alpha actinin,Alpha tubulin,Beta actin,Desmoplakin,Fibrillarin,Lamin B1,Myosin IIB,Sec61 beta,Tom20,ZO1"
    assert tuple(map(structures.canonical_name, released.split(","))) == structures.NAMES
    for structure in structures.STRUCTURES:
        spellings = (structure.name, structure.display, structure.gene, structure.gene.lower())
        spellings += (f" {structure.name.upper()} ", structure.name.replace("-", "_"), structure.display + " ")
        assert {structures.canonical_name(spelling) for spelling in spellings} == {structure.name}
    assert [structures.canonical_name(name) for name in (" Golgi ", "golgi", "Lamin B2", "LAMP1", "ACTB+", "")] == [
        "Golgi",
        "golgi",
        "Lamin B2",
        "LAMP1",
        "ACTB+",
        "",
    ]


def test_the_papers_genes_are_among_allens():
    assert len(structures.ALLEN_GENES) == 25
    assert {structure.gene for structure in structures.STRUCTURES} < set(structures.ALLEN_GENES)


def test_only_the_papers_structures_are_described():
    assert [structures.description(name) for name in ("tom20", "lysosome")] == ["mitochondria", ""]


def test_display_is_the_papers_spelling_where_it_has_one():
    assert [structures.display(name) for name in ("alpha-actinin", "lysosome")] == ["α-actinin", "lysosome"]


def test_what_lies_in_the_nucleus():
    names = (*structures.NAMES, *structures.ALLEN_GENES, "nucleolus", "Nuclear envelope", "nucleoli", "mitochondria")
    assert {name for name in names if structures.in_nucleus(name)} == {
        *("fibrillarin", "lamin-b1"),  # by these names data sets have FBL and LMNB1
        *("HIST1H2BJ", "NPM1", "NUP153", "SMC1A", "SON"),
        *("nucleolus", "Nuclear envelope", "nucleoli"),
    }


@pytest.mark.parametrize(
    ("name", "problem"),
    [("golgi", ""), ("ER, rough", ""), ("", "printable"), (" ", "printable"), ("a\tb", "printable")]
    + [("x" * 100, ""), ("x" * 101, "of 101 letters"), ("GENERATED", "class K"), ("gener-ated", "class K")],
)
def test_what_can_be_a_name(name, problem):
    found = structures.name_problem(name)
    assert problem in found and bool(found) == bool(problem)

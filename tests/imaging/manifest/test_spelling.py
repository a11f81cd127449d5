"""Misspelt structures: which names are suspected, which never are, and the distance itself."""

import random
import unicodedata

import pytest

from icell_tf import structures
from icell_tf.imaging.manifest.spelling import MAX_NAMES, edit_distance, misspelt, resembling


def test_known_names_are_never_each_others_misspelling():
    assert not misspelt(dict.fromkeys(sorted(structures.KNOWN), 1))
    assert edit_distance("ACTB", "ACTN1", 2) == edit_distance("tom20", "TOMM20".lower(), 1) + 1 == 2


@pytest.mark.parametrize(
    ("rare", "common", "how"),
    [
        ("TOMM2O", "TOMM20", "by 1 letter"),
        ("lamp 1", "LAMP1", "only in case, space or hyphens"),
        ("early-endosome", "early endosome", "only in case, space or hyphens"),
        ("Lysosome", "lysosome", "only in case, space or hyphens"),
        ("lysosmoe", "lysosome", "by 2 letters"),
        ("lyosome", "lysosome", "by 1 letter"),
    ],
)
def test_the_rarer_is_suspected_and_both_are_named(rare, common, how):
    (name, reason), *others = misspelt({rare: 1, common: 30, "endosome": 30}).items()
    assert not others and name == rare
    assert all(fact in reason for fact in (f"{rare!r} (1 cell)", how, f"{common!r} (30 cells)", "structures"))


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [  # other spellings of the ten structures are right; a known name is right however rare
        ({"tomm20": 1, "TOMM20": 30, "lamin b1": 1, "LMNB1": 9, "laminb1": 3, "β-actin": 1, "ACTB": 5}, set()),
        ({"TOMM2O": 30, "TOMM20": 1}, {"TOMM2O"}),
        ({"Lysosome": 2, "lysosome": 2}, {"Lysosome", "lysosome"}),  # neither is rarer
        ({"ER": 1, "PM": 1, "a": 1, "b": 1, "H2B": 5, "endosome": 9, "lysosome": 9, "golgi": 9}, set()),
    ],
)
def test_which_names_are_suspected(counts, wrong):
    assert set(misspelt(counts)) == wrong


@pytest.mark.parametrize(
    ("name", "other", "counts"),
    [
        ("actin", "actinin", (240, 240)),
        ("actin", "actinin", (24, 240)),  # a tenth
        ("rab11", "rab5", (400, 5000)),
        ("Rab5", "Rab7", (10, 30)),
        ("Tubulin A", "Tubulin B", (500, 90)),
        ("LAMP2", "LAMP1", (240, 20)),  # the other is a known one
        ("lamin-b2", "lamin-b1", (60, 300)),
        ("alpha-actin", "alpha-actinin", (40, 60)),
    ],
)
def test_two_frequent_names_are_two_structures_and_are_told(name, other, counts):
    counts = {**dict(zip((name, other), counts, strict=True)), "golgi": 99}
    assert not misspelt(counts)
    (line,) = resembling(counts)
    assert repr(name) in line and repr(other) in line and "two structures" in line


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ({"actin": 23, "actinin": 240}, {"actin"}),
        ({"actin": 9, "actinin": 9}, {"actin", "actinin"}),
        ({"LAMP2": 240, "LAMP1": 2}, {"LAMP2"}),
    ],
)
def test_a_rare_name_is_suspected_and_may_be_allowed_in_a_word(counts, wrong):
    found = misspelt(counts)
    assert set(found) == wrong and all('"similar_names": "allow"' in reason for reason in found.values())
    assert not misspelt(counts, similar="allow")


@pytest.mark.parametrize("pair", [("Lysosome", "lysosome"), ("early endosome", "early-endosome"), ("golgi", "GOLGI")])
def test_two_frequent_spellings_of_one_name_are_asked_about_and_never_set_aside(pair):
    counts = dict.fromkeys(pair, 240)
    with pytest.raises(ValueError, match=r"\(240 cells\) differs only in case.* are they the same\? Correct .*allow"):
        misspelt(counts)
    assert not misspelt(counts, similar="allow") and not misspelt(counts, allowed=pair)


def test_composed_and_decomposed_letters_are_the_same():
    names = [unicodedata.normalize(form, "Noyau café") for form in ("NFC", "NFD")]
    assert len({structures.canonical_name(name) for name in names}) == 1
    assert not misspelt({names[1]: 3}, allowed=names[:1])


def test_only_allowed_names_stand_where_they_are_given():
    found = misspelt({"LAMP1": 5, "LAMP2": 5, "TOMM20": 3, "Golgi": 2}, allowed=("LAMP1", "LAMP2", "tom20", "golgi"))
    assert set(found) == {"Golgi"}
    for fact in ("'Golgi' (2 cells)", "LAMP1, LAMP2, tom20, golgi", "did you mean 'golgi'?"):
        assert fact in found["Golgi"]


def test_distance_is_levenshteins():
    rng = random.Random(0)

    def recursive(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(recursive(a[1:], b) + 1, recursive(a, b[1:]) + 1, recursive(a[1:], b[1:]) + (a[0] != b[0]))

    for _ in range(100):
        a, b = ("".join(rng.choices("abc", k=rng.randrange(6))) for _ in range(2))
        assert edit_distance(a, b, 2) == min(recursive(a, b), 3)


def test_too_many_names_are_something_else():
    with pytest.raises(ValueError, match="1001 different structure names"):
        misspelt({f"cell {i}": 1 for i in range(MAX_NAMES + 1)})

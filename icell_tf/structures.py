"""The ten structures of the paper: names, genes, colours, counts of Table S8; and the genes of the Allen collection."""

import colorsys
import re
from dataclasses import dataclass

from icell_tf.files import nfc
from icell_tf.spec import GENERATED


@dataclass(frozen=True)
class Structure:
    """One labelled structure of Table S8.

    Attributes:
      name: identifier in data sets, file names and reports; lower-case ASCII.
      display: the protein as the paper writes it.
      gene: HGNC symbol of the tagged gene, as the Allen Institute's manifests name the structure.
      description: what the protein marks.
      color: RGB in [0, 1], for pictures that show all structures in one cell.
      total, train, test: cells in the paper's collection and its split (Table S8).
    """

    name: str
    display: str
    gene: str
    description: str
    color: tuple[float, float, float]
    total: int
    train: int
    test: int


STRUCTURES = (
    Structure("alpha-actinin", "α-actinin", "ACTN1", "actin bundles", (1.00, 0.60, 0.10), 493, 462, 31),
    Structure("alpha-tubulin", "α-tubulin", "TUBA1B", "microtubules", (0.20, 0.85, 0.25), 1043, 1002, 41),
    Structure("beta-actin", "β-actin", "ACTB", "actin filaments", (0.95, 0.25, 0.20), 542, 513, 29),
    Structure("desmoplakin", "desmoplakin", "DSP", "desmosomes", (1.00, 0.95, 0.30), 229, 219, 10),
    Structure("fibrillarin", "fibrillarin", "FBL", "nucleolus", (0.35, 0.55, 1.00), 988, 953, 35),
    Structure("lamin-b1", "lamin B1", "LMNB1", "nuclear membrane", (0.10, 0.80, 0.95), 785, 739, 46),
    Structure("myosin-iib", "myosin IIB", "MYH10", "actomyosin bundles", (0.75, 0.35, 0.95), 157, 149, 8),
    Structure("sec61-beta", "Sec61β", "SEC61B", "endoplasmic reticulum", (0.55, 0.75, 0.55), 835, 784, 51),
    Structure("tom20", "TOM20", "TOMM20", "mitochondria", (0.95, 0.45, 0.65), 771, 723, 48),
    Structure("zo1", "ZO1", "TJP1", "tight junctions", (0.90, 0.90, 0.90), 234, 229, 5),
)
NAMES = tuple(structure.name for structure in STRUCTURES)
BY_NAME = {structure.name: structure for structure in STRUCTURES}

# The tagged genes of the hiPSC Single-Cell Image Dataset (Viana et al. 2023), as in its column structure_name.
ALLEN_GENES = (
    "AAVS1 ACTB ACTN1 ATP2A2 CETN2 CTNNB1 DSP FBL GJA1 HIST1H2BJ LAMP1 LMNB1 MYH10 "
    "NPM1 NUP153 PXN RAB5A SEC61B SLC25A17 SMC1A SON ST6GAL1 TJP1 TOMM20 TUBA1B"
).split()
MAX_LENGTH = 100  # letters of a structure's name
KNOWN = frozenset(NAMES) | frozenset(ALLEN_GENES)  # never misspellings of other names

# Those that lie in the nucleus or in its envelope.
_IN_NUCLEUS = frozenset(("fibrillarin", "lamin-b1", "HIST1H2BJ", "NPM1", "NUP153", "SMC1A", "SON"))


def in_nucleus(name):
    """Whether a structure lies in the nucleus or its envelope: known ones, and names like nucleolus or nuclear."""
    return name in _IN_NUCLEUS or spelling_key(name).startswith(("nucleol", "nucleus", "nuclear"))


def spelling_key(label):
    """Returns a name without case, space and hyphens, and with α and β written out, for comparison of spellings."""
    label = nfc(label).casefold().replace("α", "alpha").replace("β", "beta")
    return re.sub(r"[\s_\u2010-\u2015-]+", "", label)


_BY_KEY = {spelling_key(spelling): s.name for s in STRUCTURES for spelling in (s.name, s.display, s.gene)}


def tidied(label):
    """Returns a name without what nobody sees: spaces around it, double spaces, accents as own characters."""
    return re.sub(" +", " ", nfc(label)).strip()


def canonical_name(label):
    """Returns our name of one of the ten structures in any spelling (Beta actin, ACTB); only tidies any other name."""
    return _BY_KEY.get(spelling_key(label), tidied(label))


def name_problem(name):
    """Returns why a text can't be the name of a structure, or "". Data sets keep the names one a line."""
    if not name.strip() or not name.isprintable():
        return f"{name!r}, expected printable text on one line"
    if len(name) > MAX_LENGTH:
        return f"{name[:MAX_LENGTH]!r}... of {len(name)} letters, expected {MAX_LENGTH} at most"
    if spelling_key(name) == GENERATED:
        return f"{name!r}, which is what the model calls its own cells (class K of eq. 14): give it another name"
    return ""


def display(name):
    """Returns a structure's name for people: one of the ten as the paper writes it, any other unchanged."""
    return BY_NAME[name].display if name in BY_NAME else name


def description(name):
    """Returns what a structure is, such as mitochondria of tom20: of the ten; "" of any other."""
    return BY_NAME[name].description if name in BY_NAME else ""


def in_table_order(names):
    """Returns the names, each once: those of Table S8 in its order, then the others alphabetically."""
    names = set(names)
    return tuple(name for name in NAMES if name in names) + tuple(sorted(names - set(NAMES)))


def colors(names):
    """Returns an RGB colour in [0, 1] for each name: the paper's ten have their own, others get evenly spaced hues."""
    others = [name for name in names if name not in BY_NAME]
    hues = {name: colorsys.hsv_to_rgb((0.08 + i / len(others)) % 1, 0.75, 1.0) for i, name in enumerate(others)}
    return tuple(BY_NAME[name].color if name in BY_NAME else hues[name] for name in names)

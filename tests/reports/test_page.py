"""The report's page: it has all that it was given, is well-formed, and asks nothing of any network."""

import base64
import dataclasses
import io
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from icell_tf.evaluation.metrics.scores import Part, Score
from icell_tf.reports import page
from icell_tf.reports.exhibit import Exhibit

VOID = {"meta", "img", "br"}
PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
GOOD = Score("r", 0.9312, 400, (0.91, 0.95), {"class_mean": 0.62}, {"ceiling": 0.99}, about="Pearson's r")
BEATEN = Score("r_of_x", 0.51, 38, (0.4, 0.6), {"nearest_x": 0.7, "chance": 0.1}, about="a <b>bold</b> & claim")
TOM20, ZO1 = dataclasses.replace(GOOD, structure="tom20"), dataclasses.replace(BEATEN, structure="zo1")
PARTS = [
    Part("integration", "Integration", "Does it work?", (TOM20, BEATEN, ZO1, Score("recall", 1, 5))),
    Part("latent", "Latent & space", "x < y", (Score("mmd", math.nan, 0, better="lower", unit="draws"),)),
]
TABLE = (("structure", "train"), [("tom20 <i>", "12")])
EXHIBITS = [
    Exhibit("figure_2", "Six cells", '"Quoted"', PICTURE, paper="Fig. 2"),
    Exhibit("table_s8", "Counts", "By split", table=TABLE),
]


def part(*scores):
    return Part("a", "a", "b", scores)


class Reader(HTMLParser):
    """Checks that every tag is closed in its turn, and keeps tags, ids, addresses and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.texts, self.images = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        self.words = " ".join("".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        self.images += [attributes] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / page.PAGE_FILE
    further = [Exhibit("draws", "Draws", "32 of them", PICTURE)]
    assert page.write(path, "Report <1>", ["400 cells"], PARTS, EXHIBITS, further) == path
    assert list(path.parent.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_its_links_lead_somewhere_in_it(text):
    read = Reader(text)
    assert len(read.ids) == len(set(read.ids))
    links = [address for address in read.addresses if address.startswith("#")]
    assert len(links) == 2 + 2 + 1 + 1 and {link[1:] for link in links} <= set(read.ids)
    # It needs no network.
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in read.addresses)
    assert "http" not in text and "url(" not in text and "@import" not in text and "<script" not in text


def test_every_score_is_on_the_page_with_interval_n_and_baselines(text):
    words = Reader(text).words
    for expected in ("tom20 r", "0.931", "0.910 to 0.950", "400 cells", "class mean 0.620", "ceiling 0.990"):
        assert expected in words
    assert "nearest x 0.700 ▼" in words and "chance 0.100 ▼" not in words and "ceiling 0.990 ▼" not in words
    assert "behind a baseline in 2 of 5 scores: r of x, and 1 of single structures, below." in words
    assert "a <b>bold</b> & claim; higher is better" in words and "x < y" in words  # escaped, so read as text
    assert "0 draws" in words and "nan" not in words


def test_baselines_that_most_scores_have_get_a_column_each():
    table = Reader(page.render("r", [], [part(GOOD, Score("y", 0.5, 9, None, {"class_mean": 0.6}))]))
    assert "n class mean ceiling" in table.words.replace("nclass meanceiling", "n class mean ceiling")
    assert "9 cells 0.600 ▼ –" in table.words
    assert not page.columns(part(GOOD, BEATEN, Score("z", 1, 5)))


def test_scores_of_single_structures_are_folded_up_unless_the_model_is_behind():
    for score, tag in ((TOM20, "<details>"), (ZO1, "<details open>")):
        text = page.render("r", [], [part(score, GOOD)])
        assert text.count("<details") == 1 and tag in text and text.index('id="score-1-r"') < text.index(tag)
        assert text.index(tag) < text.index(f'id="score-1-{score.name}"') < text.index("</details>")
        Reader(text)
    assert "<details" not in page.render("r", [], [part(GOOD)])


def test_exhibits_are_shown_with_captions_and_alternative_texts(text):
    read = Reader(text)
    assert all(shown in read.words for shown in ('"Quoted" In the paper: Fig. 2.', "tom20 <i>", "By split"))
    assert [image["alt"] for image in read.images] == ['Six cells. "Quoted"', "Draws. 32 of them"]
    for image in read.images:
        data = base64.b64decode(image["src"].partition(",")[2])
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), PICTURE)


def test_a_model_without_rivals_ahead_says_so():
    text = page.render("r", [], [part(GOOD)])
    assert "In none of the 1 scores" in text and "of the paper, for this model" not in text

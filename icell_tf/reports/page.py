"""The report as one HTML page: scorecard, exhibits and pictures, in a file that needs neither network nor folder."""

import base64
import io
from importlib import resources
from pathlib import Path

import jinja2
from PIL import Image

from icell_tf.files import atomic_write
from icell_tf.reports.text import number, words

PAGE_FILE = "report.html"
TEMPLATE = "page.html"
BETTER = {"higher": "higher is better", "lower": "lower is better", "near": "should equal its first baseline"}
MOST_COLUMNS = 6  # of baselines; with more, a row lists its own


def write(path, title, summary, parts, exhibits=(), pictures=()):
    """Writes the report as one page of HTML, which holds all that it shows.

    Args:
      path: of the file, which is replaced.
      title: of the page.
      summary: sentences for its head: the run, its data, what was measured.
      parts: `Part`s of the scorecard.
      exhibits: `Exhibit`s of the paper.
      pictures: `Exhibit`s of what else there is to see.

    Returns: the path.
    """
    path = Path(path)
    with atomic_write(path) as partial:
        partial.write_text(render(title, summary, parts, exhibits, pictures), encoding="utf-8")
    return path


def render(title, summary, parts, exhibits=(), pictures=()):
    """Returns the page that `write` writes, as text."""
    blocks = {"trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, **blocks)
    environment.globals.update(columns=columns, better=BETTER, data_uri=data_uri)
    environment.filters.update(number=number, words=words)
    source = resources.files("icell_tf.reports").joinpath(TEMPLATE).read_text(encoding="utf-8")
    behind = [(part, score) for part in parts for score in part.scores if score.ahead]
    counted = {"behind": behind, "total": sum(len(part.scores) for part in parts)}
    shown = {"title": title, "summary": summary, "parts": parts, "exhibits": exhibits, "pictures": pictures}
    return environment.from_string(source).render(shown | counted)


def columns(part):
    """Returns the baselines that get a column each in a part's table: all, if most scores have them, or else none."""
    names = list(dict.fromkeys(name for score in part.scores for name in score.baselines))
    given = sum(len(score.baselines) for score in part.scores)
    return names if len(names) <= MOST_COLUMNS and 2 * given > len(names) * len(part.scores) else []


def data_uri(picture):
    """Returns a picture, uint8 (h, w, 3), as a data: URI that holds it as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()

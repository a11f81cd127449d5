"""A picture or table of a report, with its caption."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A picture or a table.

    Attributes:
      key: names its file.
      title: a phrase.
      caption: what is seen.
      picture: uint8 (h, w, 3), or None for a table.
      table: (header, rows), texts, or None for a picture.
      paper: which figure or table of the paper it is: "Figure 2"; "" if it is none.
    """

    key: str
    title: str
    caption: str
    picture: np.ndarray | None = None
    table: tuple[tuple[str, ...], list[tuple[str, ...]]] | None = None
    paper: str = ""

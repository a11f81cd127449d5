"""What a build says of itself: counts, cells set aside, pixel sizes, intensities, and a picture of cells."""

import array
import collections
import csv
import hashlib
import io
import tempfile

import numpy as np
from PIL import Image

from icell_tf.imaging.frame.preprocess import CHANNELS
from icell_tf.imaging.manifest.splits import SPLITS
from icell_tf.viz import figures

REPORT, SET_ASIDE, CONTACT_SHEET = "report.txt", "set_aside.csv", "contact_sheet.png"
PICTURED = 6  # cells of each structure
REASONS = 6  # bad cells in the report; set_aside.csv has all of them
SHOWN = 1000  # bad cells in a message; TFDS' own output is longer


class BadCells(ValueError):
    """Cells that can't be used; the message lists CellId, file and reason of each, and how to go on without them."""

    def __init__(self, problems, may_skip):
        super().__init__(problems)
        self.problems = problems
        self.may_skip = may_skip

    def __str__(self):
        shown, count = self.problems[:SHOWN], len(self.problems)
        text = f"{_cells(count)} can't be used, so nothing was written:\n{to_csv(shown)}"
        if count > SHOWN:
            with tempfile.NamedTemporaryFile(
                "w", prefix="bad_cells_", suffix=".csv", newline="", encoding="utf-8", delete=False
            ) as file:
                file.write(to_csv(self.problems))
            text += f"These are the first {SHOWN}; all of them are listed in {file.name}.\n"
        if self.may_skip:
            return text + 'Mend or remove them; or have them set aside with "on_bad_cell": "skip" in --config.'
        return text + "No cell is left. Mend them."


class Tally:
    """What was seen of all cells so far, in a few numbers each."""

    def __init__(self):
        self.scales = collections.Counter()
        self.guesses = collections.Counter()
        self.ambiguous = 0
        self._ranges = [(array.array("d"), array.array("d")) for _ in CHANNELS]

    def add(self, findings):
        """Takes one cell's `Findings` in."""
        self.scales[tuple(float(f"{size:.4g}") for size in findings.scale[1:])] += 1
        self.guesses.update(set(findings.guesses))
        self.ambiguous += findings.ambiguous_pose
        for (backgrounds, highest), (low, high) in zip(self._ranges, findings.ranges, strict=True):
            backgrounds.append(low)
            highest.append(high)

    def lines(self):
        """Pixel sizes, guesses, intensities and poses, as text."""
        sizes = ", ".join(f"{y:g} x {x:g} ({_cells(count)})" for (y, x), count in self.scales.most_common())
        header = ("intensity of", "background: lowest", "median", "highest", "maximum: lowest", "median", "highest")
        rows = [
            (name, *(f"{f(values):.6g}" for values in ranges for f in (np.min, np.median, np.max)))
            for name, ranges in zip(CHANNELS, self._ranges, strict=True)
        ]
        pose = f"{_cells(self.ambiguous)} too round or too symmetric for their pose to be certain (ambiguous_pose)."
        guesses = [f"  {guess} ({_cells(count)})" for guess, count in self.guesses.most_common()]
        if guesses:
            guesses = ["Axes that files don't name were guessed; axes in --config overrides that:", *guesses, ""]
        return [f"Pixel sizes found, µm, y x x: {sizes}", "", *guesses, *table([header, *rows]), "", pose]


def report_text(name, divided, tally, problems, pictured):
    """The report of one build.

    Args:
      name: of the data set.
      divided: {split: its cells}.
      tally: `Tally`.
      problems: list of `BadCell`.
      pictured: {structure: CellIds on the contact sheet}.
    """
    counts = {split: collections.Counter(cell.structure for cell in cells) for split, cells in divided.items()}
    splits = [split for split in SPLITS if counts[split]]
    rows = [(structure, *(counts[split][structure] for split in splits)) for structure in pictured]
    rows = [(*row, sum(row[1:])) for row in rows]
    totals = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    absent = {name: [s for s in SPLITS if not counts[s][name]] for name in pictured}
    lacking = [
        f"{name} has no cell in {' or '.join(missing)}: one in each split takes three fields of view."
        for name, missing in absent.items()
        if missing
    ]
    reasons = [f"  {problem}" for problem in problems[:REASONS]]
    if len(problems) > REASONS:
        reasons.append(f"  ... and {len(problems) - REASONS:,} more")
    return "\n".join(
        [
            f"{name}: {_cells(totals[-1])}.",
            "",
            *table([("structure", *splits, "all"), *rows, totals]),
            *lacking,
            "",
            *tally.lines(),
            "",
            f"{_cells(len(problems))} set aside ({SET_ASIDE}){':' if reasons else '.'}",
            *reasons,
            "",
            f"{CONTACT_SHEET} shows, from left to right:",
            *(f"  {structure}: {', '.join(ids)}" for structure, ids in pictured.items()),
        ]
    )


def _cells(count):
    return f"{count:,} cell{'s' * (count != 1)}"


def table(rows):
    """Lines of text: the first column left, the others right."""
    rows = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [[value.rjust(width) for value, width in zip(row, widths, strict=True)] for row in rows]
    return ["  ".join([row[0].ljust(widths[0]), *line[1:]]) for row, line in zip(rows, aligned, strict=True)]


def to_csv(problems):
    """The bad cells as CSV: CellId, file, reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("CellId", "file", "reason"))
    writer.writerows((problem.cell_id, problem.source, problem.reason) for problem in problems)
    return text.getvalue()


def choose_pictured(cells):
    """Chooses cells of every structure for the contact sheet, from a hash of their ids: {structure: [indices]}."""
    chosen = collections.defaultdict(list)
    for index, cell in cells:
        rank = hashlib.sha256(cell.cell_id.encode()).digest()
        chosen[cell.structure] = sorted([*chosen[cell.structure], (rank, index)])[:PICTURED]
    return {structure: [index for _, index in members] for structure, members in chosen.items()}


def contact_sheet(rows):
    """Draws cells, a row for each structure: membrane magenta, nucleus cyan, structure yellow.

    Args:
      rows: {structure: PNGs of (H, W, 3)}.

    Returns:
      RGB, uint8 (height, width, 3).
    """
    images = {structure: [np.asarray(Image.open(io.BytesIO(png))) for png in pngs] for structure, pngs in rows.items()}
    where = figures.around_cell(np.max([image for row in images.values() for image in row], axis=0))
    panels = [[figures.overlay(image[where] / 255, contrast="percentile") for image in row] for row in images.values()]
    return figures.montage(panels, row_labels=list(images))

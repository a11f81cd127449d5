"""Which of two pictures is the photograph? Pairs of an observed cell and a drawn one, for people to tell apart.

Makes the pairs:

    python benchmarks/photograph.py --model=runs/small-sampler --n=40 --output=pairs
    python benchmarks/photograph.py --model=runs/small-sampler --new --n=40 --output=pairs-new

Each row of `pairs/pairs.png` (and `pairs-2.png`, ...) has a number and two pictures, left and right. Write one letter a
pair, l or r, for the one that is observed, and count how many are right:

    python benchmarks/photograph.py --output=pairs --answers=lrrlllr...

A pair shows one cell with its observed structure and with a draw of it; with --new another observed cell, not one of
those, and a new one, both with the same structure. `pairs/key.csv` says which is which. Who can't tell is right in half
of the pairs.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.detection import draw_inside, draw_new, observed_cells
from icell_tf.evaluation.metrics.scores import proportion
from icell_tf.evaluation.subject import load_subject
from icell_tf.viz import figures
from icell_tf.viz.panels import montage

A_PICTURE = 10  # pairs
SIDES = ("left", "right")


def make(model, dataset, data_dir, split, count, new, seed, output):
    subject, rng = load_subject(model, dataset=dataset, data_dir=data_dir), np.random.default_rng(seed)
    cells = observed_cells(code_cells(subject.integrator, subject.prepared, split), rng)
    rows = rng.permutation(len(cells.y))[:: -1 if new else 1][:count]  # --new takes them from the other end
    few = type(cells)(cells.spec, cells.y[rows], cells.observed[rows], cells.drawn)
    drawn = (draw_new if new else draw_inside)(subject.integrator, few, 1, rng).drawn[0]
    sides = rng.integers(2, size=len(rows))  # of the observed one
    output.mkdir(parents=True)
    pairs = [_panels(few.spec, pair) for pair in zip(few.observed, drawn, strict=True)]
    shown = [pair if side == 0 else pair[::-1] for pair, side in zip(pairs, sides, strict=True)]
    for start in range(0, len(shown), A_PICTURE):
        part, number = slice(start, start + A_PICTURE), start // A_PICTURE + 1
        labels = [f"{start + i + 1}" for i in range(len(shown[part]))]
        picture = montage([[left[0], left[1], None, *right] for left, right in shown[part]], row_labels=labels)
        figures.to_png(picture, output / ("pairs.png" if number == 1 else f"pairs-{number}.png"))
    with (output / "key.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("pair", "structure", "observed"))
        names = cells.spec.structures
        writer.writerows((i + 1, names[few.y[i]], SIDES[side]) for i, side in enumerate(sides))
    print(f"wrote {len(rows)} pairs to {output}")


def _panels(spec, pair):
    """Returns for each cell of a pair its overlay and its structure alone, each scaled on its own."""
    cells = [image.astype(np.float32) / 255 for image in pair]
    white = (figures.WHITE,)
    return [
        (
            figures.overlay(cell, contrast="percentile"),
            figures.overlay(spec.structure(cell)[..., None], white, "percentile"),
        )
        for cell in cells
    ]


def count_right(answers, output):
    with (output / "key.csv").open(newline="") as file:
        key = list(csv.DictReader(file))
    answers = answers.replace(" ", "").replace(",", "").lower()
    if len(answers) != len(key) or set(answers) - set("lr"):
        raise SystemExit(f"--answers: {len(key)} letters l or r are needed, found {answers!r}")
    right = [answer == row["observed"][0] for answer, row in zip(answers, key, strict=True)]
    score = proportion("told", sum(right), len(right))
    low, high = score.interval
    print(f"right in {sum(right)} of {len(right)} ({score.value:.2f}; 95% interval {low:.2f} to {high:.2f})")
    for name in sorted({row["structure"] for row in key}):
        of = [told for told, row in zip(right, key, strict=True) if row["structure"] == name]
        print(f"  {name}: {sum(of)} of {len(of)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=Path, help="folder of the pairs")
    parser.add_argument("--answers", help="a letter a pair; counts how many are right")
    parser.add_argument("--model", help="a run of phase 2 or 3")
    parser.add_argument("--dataset", help="another data set than the run's")
    parser.add_argument("--data_dir", help="where prepared data sets lie (default: TFDS' own)")
    parser.add_argument("--split", default="test", choices=("validation", "test"), help="whose cells are observed")
    parser.add_argument("--n", type=int, default=40, help="pairs")
    parser.add_argument("--new", action="store_true", help="new cells instead of draws in observed ones")
    parser.add_argument("--seed", type=int, default=0, help="of cells, draws and sides")
    given = parser.parse_args()
    if given.answers is not None:
        count_right(given.answers, given.output)
    elif not given.model:
        parser.error("--model is missing; or --answers, to count how many are right")
    elif given.output.exists():
        parser.error(f"--output: {given.output} exists already")
    else:
        make(given.model, given.dataset, given.data_dir, given.split, given.n, given.new, given.seed, given.output)


if __name__ == "__main__":
    main()

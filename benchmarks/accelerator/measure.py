"""Times every exported step of a folder within a time budget, and writes a table as each ends.

    python -m benchmarks.accelerator.measure build/steps --out=build/figures --seconds=480

Each step runs in a process of its own (`run_step.py`), which is ended when it takes more than its share, so that one
that compiles slowly or runs out of memory costs the others nothing. Figures are in NAME.json, messages in NAME.log, and
table.md has all that are done. Steps whose figures are there already are not run again.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.accelerator.description import PHASES, PRECISIONS, Description, require_different

PAPER_HOURS = 16  # of training, on the paper's GPU
COLUMNS = (
    ("step", "step", "{}"),
    ("seconds_per_step", "s a step", "{:.4f}"),
    ("interquartile_range", "interquartile range", "{:.4f}"),
    ("images_per_second", "images/s", "{:.3g}"),
    ("tflop_per_second", "TFLOP/s", "{:.3g}"),
    ("product_tflop_per_second", "the product's", "{:.3g}"),
    ("share_of_product", "share", "{:.2f}"),
    ("peak_gib", "peak GiB", "{:.3g}"),
    ("needed_gib", "GiB by the compiler", "{:.2g}"),
    ("hours_of_schedule", "hours of the schedule", "{:.2f}"),
    ("seconds_to_compile", "s to compile", "{:.0f}"),
)


def order_of(descriptions):
    """Returns steps with the fastest precision of both phases first, the one that says most if time runs out."""
    return sorted(descriptions, key=lambda each: (PRECISIONS.index(each.precision), PHASES.index(each.phase)))


def table(results):
    """Returns figures of steps as a table in Markdown, and the hours of both phases together."""
    heads = [head for _, head, _ in COLUMNS]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for result in results:
        cells = ["" if result[key] is None else form.format(result[key]) for key, _, form in COLUMNS]
        lines.append("| " + " | ".join(cells) + " |")
    for preset, precision, hours in both_phases(results):
        paper = f"; the paper reports {PAPER_HOURS} on its GPU" if preset == "paper" else ""
        lines.append(f"\nThe schedule of `{preset}` in {precision}, both phases: {hours:.1f} hours{paper}.")
    devices = {f"{result['device']}, jax {result['jax']}, batches of {result['batch_size']}" for result in results}
    return "\n".join([*lines, "", *sorted(devices)]) + "\n"


def both_phases(results):
    """Yields (preset, precision, hours) where the hours of both phases are known."""
    hours = {result["step"]: result["hours_of_schedule"] for result in results}
    for name, first in hours.items():
        preset, phase, precision = name.rsplit("-", 2)
        second = hours.get(f"{preset}-{PHASES[1]}-{precision}")
        if phase == PHASES[0] and first and second:
            yield preset, precision, first + second


def run(description, folder, out, steps, seconds):
    """Runs a step in a process of its own. Returns: its figures, or None if there are none. Args: see `main`."""
    command = [sys.executable, "-m", "benchmarks.accelerator.run_step", str(folder / f"{description.name}.json")]
    with (out / f"{description.name}.log").open("w") as log:
        try:
            done = subprocess.run(
                [*command, f"--steps={steps}"], stdout=subprocess.PIPE, stderr=log, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            log.write(f"\nended after {seconds:.0f} s, its share of the time\n")
            return None
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the exported steps")
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--seconds", type=float, default=480, help="of all steps together")
    parser.add_argument("--steps", type=int, default=20, help="timed of each, after two to warm up")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    descriptions = order_of(Description.load(path) for path in arguments.folder.glob("*.json"))
    require_different(descriptions)
    end, results = time.monotonic() + arguments.seconds, []
    for number, description in enumerate(descriptions):
        path = arguments.out / f"{description.name}.json"
        if path.is_file():
            results.append(json.loads(path.read_text()))
            continue
        # Twice an equal share of what is left: what fast steps leave, slow ones may take.
        share = (end - time.monotonic()) / (len(descriptions) - number)
        result = run(
            description, arguments.folder, arguments.out, arguments.steps, min(2 * share, end - time.monotonic())
        )
        if result is None:
            print(f"{description.name}: no figures, see {path.with_suffix('.log')}", flush=True)
            continue
        path.write_text(json.dumps(result, indent=1) + "\n")
        results.append(result)
        (arguments.out / "table.md").write_text(table(results))
        print(f"{description.name}: {result['seconds_per_step']:.4f} s a step", flush=True)
    print(table(results))
    if len(results) < len(descriptions):
        sys.exit(f"{len(descriptions) - len(results)} of {len(descriptions)} steps have no figures")


if __name__ == "__main__":
    main()

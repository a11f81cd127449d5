"""Lists the models that ship with icell_tf: what each shows, its data, recipe, scores and licence, what it is not for.

A name stands for the model wherever a command takes --model: icell integrate --model=simulated_64
"""

from icell_tf.runs import shipped
from icell_tf.runs.known import described
from icell_tf.runs.run import CARD_FILE


def main():
    models = shipped.described()
    if not models:
        raise FileNotFoundError(f"models that ship: {shipped.listed()}")
    print("\n\n".join(_about(name, entry) for name, entry in models.items()))


def _about(name, entry):
    folder = shipped.FOLDER / name
    shipped.resolve(folder)  # checks its files
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    scores = [_with_interval(score, *values) for score, values in entry["scores"].items()]
    rows = {
        "trained on": entry["data"],
        "recipe": entry["recipe"],
        "scores": "; ".join(scores),
        **({"unknown": f"told {described(entry['known'])}"} if entry.get("known") else {}),
        "licence": entry["licence"],
        "not for": entry["not_for"],
        "card": folder / CARD_FILE,
        "size": f"{size:.1f} MB",
    }
    return "\n".join([f"{name}: {entry['summary']}", *(f"  {label:11} {text}" for label, text in rows.items())])


def _with_interval(score, value, *interval):
    return f"{score} {value:.3f}" + (" ({:.3f} to {:.3f})".format(*interval) if interval else "")

"""Figure S3: the training curves of all phases."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from icell_tf.messages import counted
from icell_tf.paper.choice import source
from icell_tf.reports.exhibit import Exhibit
from icell_tf.viz import plots

# (title, {metric of history.csv: label}, chance level or None), a panel each
SHARED = (
    ("reconstruction", {"reconstruction": "H(x̂, x)", "integration": "at y, zʳ, zˢ = 0"}, None),
    ("discriminators' losses", {"latent_discriminator": "EncD", "image_discriminator": "DecD"}, None),
    ("losses against them", {"passed_as_prior": "Enc against EncD", "passed_as_data": "Dec against DecD"}, None),
    (
        "discriminators, share right",
        {"latent_discriminator_accuracy": "EncD", "image_discriminator_accuracy": "DecD"},
        0.5,
    ),
    ("codes' distance from the prior", {"discrepancy": "MMD², but for a constant"}, None),
)
CONDITIONAL = (
    ("classification loss", {"classification": "ŷ"}, None),
    ("classification, share right", {"classification_accuracy": "ŷ"}, None),
    ("shape code, squared error", {"reference_code": "zʳ and its estimate"}, None),
    ("what zˢ tells of structure and shape", {"dependence": "zˢ on y and zʳ"}, None),
)
SAMPLER = (
    ("score of draws", {"score_s": "Gen of structures", "score_r": "Gen of shapes"}, None),
    ("losses of the generators", {"passed_s": "structures", "passed_r": "shapes"}, None),
    ("losses of the critics", {"told_s": "structures", "told_r": "shapes"}, None),
    ("critics, share right", {"right_s": "structures", "right_r": "shapes"}, 0.5),
    ("slopes of the critics, squared", {"slope_s": "structures", "slope_r": "shapes"}, None),
)
COLORS = ("tab:blue", "tab:orange")
_NAMES = {"reference": "(a) reference model", "conditional": "(b) conditional model", "sampler": "(c) sampler"}
_ROWS = (("reference", SHARED), ("conditional", SHARED), ("conditional", CONDITIONAL), ("sampler", SAMPLER))
STYLES = {"training cells": "-", "validation cells": "--", "chance": ":"}
_PANEL = (3.9, 3.1)  # inches


def training_curves(subject):
    """Returns Figure S3, of the phases whose curves the subject has; None if it has none."""
    phases = {phase: subject.curves[phase] for phase in _NAMES if subject.curves.get(phase)}
    if not phases:
        return None
    wanted = [(phase, row) for phase, row in _ROWS if phase in phases]
    rows = [(phase, [panel for panel in row if _logged(phases[phase], panel[1])]) for phase, row in wanted]
    columns = max(len(row) for _, row in rows)
    figure = Figure(figsize=(columns * _PANEL[0], len(rows) * _PANEL[1]), dpi=100, layout="constrained")
    for line, (phase, row) in zip(figure.subplots(len(rows), columns, squeeze=False), rows, strict=True):
        for ax, (title, metrics, chance) in zip(line, row, strict=False):
            _draw(ax, phases[phase], metrics, chance)
            if "losses" in title:  # a discriminator that is sure of itself, and wrong, loses a hundred times more
                ax.set_yscale("log")
            ax.set_title(f"{_NAMES[phase]}: {title}", fontsize=9)
        for ax in line[len(row) :]:
            ax.axis("off")
    styles = [Line2D([], [], color="black", linestyle=style, label=label) for label, style in STYLES.items()]
    figure.legend(handles=styles, loc="outside lower center", ncols=len(styles), fontsize=9, frameon=False)
    counts = " and ".join(f"{counted(len(curve), 'epoch')} of the {phase} model" for phase, curve in phases.items())
    caption = (
        "Training curves: solid for training cells, dashed for validation cells. EncD tells codes from draws of the "
        "prior, DecD observed cells from generated ones, which in the conditional model are one more structure; dotted "
        "is chance between two. The paper has no sampler. " + source(subject, counts, subject.run.config.seed)
    )
    return Exhibit("figure_s3", "Training curves", caption, plots.render(figure), paper="Figure S3")


def _logged(curve, metrics):
    """Whether an epoch of a curve has any of some metrics."""
    return any(metric in row for row in curve for metric in metrics)


def _draw(ax, curve, metrics, chance):
    """One panel: each metric on training and on validation cells, over epochs."""
    for color, (metric, label) in zip(COLORS[: len(metrics)], metrics.items(), strict=True):
        for name, style, text in ((metric, "-", label), (f"val_{metric}", "--", None)):
            points = [(row["epoch"] + 1, row[name]) for row in curve if name in row]
            if points:
                ax.plot(*zip(*points, strict=True), style, color=color, linewidth=1.2, label=text)
    if chance is not None:
        ax.axhline(chance, color="grey", linestyle=":", linewidth=1)
        ax.set_ylim(0, 1.02)
    ax.set_xlabel("epoch", fontsize=8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8, framealpha=0.9)

"""Evaluates a trained model on its test cells, and writes the report.

icell evaluate --model=RUN_DIR
"""

from pathlib import Path

from absl import flags

from icell_tf import paper
from icell_tf.cli.command import define_data_dir, define_folder, define_model, define_seed, ensure_prepared
from icell_tf.evaluation.context import Context
from icell_tf.evaluation.detection import STEPS
from icell_tf.evaluation.evaluators import EVALUATORS, choose, is_complete
from icell_tf.evaluation.subject import load_subject
from icell_tf.evaluation.unseen import carried, why_not_carried
from icell_tf.reports import report
from icell_tf.runs import shipped
from icell_tf.runs.known import KNOWN_FILE, described
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, LAST

MODEL = define_model()
REFERENCE = define_folder("reference", None, "its run of `icell train reference` (default: where it lay in training)")
DATASET = flags.DEFINE_string("dataset", None, "prepared data set (default: the one it was trained on)")
DATA_DIR = define_data_dir()
OUTPUT = define_folder(
    "output",
    None,
    "where the report goes (default: MODEL/evaluation, or MODEL/evaluation-PART with --parts; for a model that ships "
    "MODEL-evaluation here)",
)
DRAWS = flags.DEFINE_integer("draws", 32, "draws in each cell", lower_bound=2)
SEED = define_seed("of draws, generated cells, resampling and pictured cells", lowest=0)
WEIGHTS = flags.DEFINE_enum("weights", "best", ["best", "last"], "weights best on validation, or the last")
DETECTOR_STEPS = flags.DEFINE_multi_integer(
    "detector_steps",
    list(STEPS),
    "steps for which a network learns to tell draws from observed cells; after more it sees more; given twice, both",
    lower_bound=1,
)
PARTS = flags.DEFINE_list(
    "parts",
    [evaluator.key for evaluator in EVALUATORS],
    "parts of the scorecard to measure; only all of them come with the paper's figures and go into the model card",
)


def main():
    evaluators = choose(PARTS.value)
    complete = is_complete(evaluators)
    model = shipped.resolve(MODEL.value)
    ensure_prepared(DATASET.value or Run.load(model).config.dataset, DATA_DIR.value)
    weights = BEST if WEIGHTS.value == "best" else LAST
    subject = load_subject(model, weights, DATASET.value, DATA_DIR.value, REFERENCE.value)
    context = Context(subject, DRAWS.value, SEED.value, _tell, DETECTOR_STEPS.value)
    name = "evaluation" if complete else "-".join(["evaluation", *(evaluator.key for evaluator in evaluators)])
    ships = shipped.is_shipped(model)
    output = Path(OUTPUT.value or (f"{model.name}-{name}" if ships else model / name))
    report.make_writable(output)
    run_dir = model if weights == BEST and not ships else None  # what lies in it is about the best weights
    known_dir = run_dir if any(evaluator.key == "unseen" for evaluator in evaluators) else None
    if known_dir and (reason := why_not_carried(subject, run_dir)):
        print(f"{run_dir} gets no {KNOWN_FILE}, by which it tells unknown structures: {reason}", flush=True)
        known_dir = None
    if run_dir and (reason := report.why_not_recorded(subject, run_dir, complete)):
        print(f"The model card and TensorBoard of {run_dir} are left as they are: {reason}.", flush=True)
        run_dir = None
    parts = [evaluator.run(context) for evaluator in evaluators]
    exhibits = paper.draw(subject, context.cells, SEED.value) if complete else []
    content, paths = report.write(context, parts, output, exhibits, run_dir)
    if known_dir:
        known = carried(context.unseen)
        paths.append(known.save(known_dir, subject.networks["enc_rs"]))
        print(f"unknown structures are told {described(known.about)}")
    print(report.table(content))
    print("\n".join(f"wrote {path}" for path in paths))


def _tell(step):
    print(f"Evaluating: {step}", flush=True)

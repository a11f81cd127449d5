"""The parts of the scorecard: one evaluator a question. Each runs alone."""

from collections.abc import Callable
from dataclasses import dataclass

from icell_tf.evaluation import (
    classification,
    compared,
    detection,
    distribution,
    draws,
    generated,
    integration,
    latent,
    memorisation,
    reconstruction,
    truth,
    unseen,
    variation,
)
from icell_tf.evaluation.metrics.scores import Part
from icell_tf.networks import standardizations


@dataclass(frozen=True)
class Evaluator:
    """Measures one part of the scorecard.

    Attributes:
      key: names the part in metrics.json and in --parts.
      heading: the part's title.
      about: what it asks, in a sentence or two.
      measure: a function of a `Context` that returns a list of `Score`s, and what they are of, as `Part.measured`.
      why_not: a function of a `Context` that returns why nothing can be measured, or "" if it can.
    """

    key: str
    heading: str
    about: str
    measure: Callable
    why_not: Callable = lambda context: ""

    def run(self, context):
        """Returns the `Part`; one without scores tells why. Args: `Context`."""
        if reason := self.why_not(context):
            return Part(self.key, self.heading, reason, ())
        context.progress(self.heading.lower())
        scores, measured = self.measure(context)
        return Part(self.key, self.heading, self.about, tuple(scores), measured)


def choose(keys):
    """Returns the evaluators of these parts, in the scorecard's order. Raises: ValueError: there is no such part."""
    known = [evaluator.key for evaluator in EVALUATORS]
    unknown = [key for key in keys if key not in known]
    if unknown or not keys:
        raise ValueError(f"--parts: no part {', '.join(unknown) or 'given'}; the parts are {', '.join(known)}")
    return [evaluator for evaluator in EVALUATORS if evaluator.key in keys]


def is_complete(parts):
    """Returns whether these `Part`s, or evaluators, are the complete scorecard."""
    return [part.key for part in parts] == [evaluator.key for evaluator in EVALUATORS]


def _classification(context):
    measured = classification.measure(context.test, context.train, context.integrator.structures)
    return classification.scores(measured, context.seed), measured


def _unseen(context):
    return unseen.scores(context.unseen, context.seed), None


def _with_training(context):
    return context.integrator, context.test, context.train, context.draws, context.seed


def _integration(context):
    measured = integration.measure(*_with_training(context), neighbours=context.neighbours, drawn=context.drawn)
    return integration.scores(measured, context.seed), measured


def _truth(context):
    measured = truth.measure(*_with_training(context), neighbours=context.neighbours)
    return truth.scores(measured, context.seed), measured


def _draws(context):
    measured = draws.measure(context.integrator, context.test, context.draws, context.seed, drawn=context.drawn)
    return draws.scores(measured, context.seed), None


def _distribution(context):
    measured = distribution.measure(*_with_training(context), neighbours=context.neighbours, drawn=context.drawn)
    return distribution.scores(measured, context.seed), measured


def _detection(context):
    measured = detection.measure(
        context.integrator, context.validation, context.test, context.detector_steps, context.seed
    )
    return detection.scores(measured, context.integrator.structures, context.seed), None


def _generated(context):
    seen, noise_free = context.seen, context.samples.get("noise-free")
    shapes = {name: of_sample.shapes for name, of_sample in seen.items() if name != "drawn"}  # those are held-out ones'
    structures = len(context.integrator.structures)
    scores = generated.judged_scores(seen, structures, context.seed)
    scores += generated.drawn_scores(seen, structures, context.seed)
    scores.append(generated.detail_score(seen, noise_free and compared.details(noise_free), context.seed))
    return scores + generated.shape_scores(shapes, context.seed), shapes


def _memorisation(context):
    distances = memorisation.measure(context.seen, context.train, context.judge, context.integrator.mirrored)
    return memorisation.scores(distances, context.integrator.spec.reference_names, context.seed), distances


def _latent(context):
    test = context.test
    codes, others = latent.encode_posed(context.integrator, test, context.seed), {}
    if context.integrator.mirrored:
        others = {name: ("the prepared pose", getattr(test, name)) for name in codes}
        if standardizations(context.subject.networks["dec_rs"]):  # fitted to cells as prepared
            others["z_s"] = "all poses", codes["z_s"]
            codes["z_s"] = test.z_s
    lost = latent.information(context.subject.networks["dec_rs"], test)
    scores = latent.prior_scores(codes, others, context.seed)
    scores += latent.information_scores(lost, test.spec, context.seed)
    return scores, latent.tables(codes, lost)


def _variation(context):
    measured = variation.measure(context.integrator, context.test, context.train, context.seed)
    return variation.scores(measured, context.integrator.structures, context.seed), None


EVALUATORS = (
    Evaluator(
        "reconstruction",
        "Reconstruction",
        "How much of a held-out cell survives encoding and decoding?",
        lambda context: (reconstruction.scores(context.subject, context.test, context.train, context.seed), None),
    ),
    Evaluator("classification", "Classification", "Which structure does an image show?", _classification),
    Evaluator(
        "unseen",
        "None of these",
        "Are cells with a structure that was left out of training recognised as unknown?",
        _unseen,
        lambda context: unseen.why_not(context.prepared),
    ),
    Evaluator(
        "integration",
        "Integration",
        "Is each structure predicted where it is, given membrane and nucleus alone? Rivals take it from the training "
        "cells: its mean image, or that of the nearest cells, in codes of shape or in pixels.",
        _integration,
    ),
    Evaluator(
        "truth",
        "Truth in the same cell",
        "Real cells of which several structures were imaged, while training saw one of each: is every structure "
        "predicted where it is in that very cell, also one that the model was never shown there? Rivals are those of "
        "integration. Only pixels inside the cell count, without its rim.",
        _truth,
        lambda context: truth.why_not(context.prepared),
    ),
    Evaluator("draws", "Draws", "Do draws vary as cells do, and does a structure stay where it can be?", _draws),
    Evaluator(
        "distribution",
        "Distribution of draws",
        "Are draws distributed as observed structures are, given the cell? Rivals are the structures of the training "
        "cells nearest in shape, as they are, and Algorithm 3's image alone.",
        _distribution,
    ),
    Evaluator(
        "detection",
        "Detection of draws",
        "Can a small network that learns to tell draws from observed cells do so in cells that it has not seen? 0.5 is "
        "chance, where it finds no difference; 1 means that every draw is found out.",
        _detection,
        lambda context: detection.why_not(context.prepared.splits),
    ),
    Evaluator(
        "generated",
        "Generated cells",
        "Do cells drawn from the prior pass for real ones? A judge, a small classifier trained on real training cells "
        "alone, looks at them; real cells that it never saw show what it can tell.",
        _generated,
    ),
    Evaluator("memorisation", "Memorisation", "Are generated cells copies of training cells?", _memorisation),
    Evaluator("latent", "Latent space", "Do the codes follow their prior, and which dimensions tell what?", _latent),
    Evaluator(
        "variation",
        "What z_s holds",
        "z_s should hold what the shape leaves open, and neither the shape nor which structure it is. Does it?",
        _variation,
    ),
)

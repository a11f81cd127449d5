"""How good a model is, part by part: each part's scores, beside what an honest sceptic holds against them."""

from dataclasses import dataclass, field

import numpy as np

from icell_tf.evaluation import (
    classification,
    generated,
    integration,
    integration_scores,
    judge,
    latent,
    reconstruction,
    unseen,
)
from icell_tf.evaluation import draws as drawn
from icell_tf.evaluation.classification import Classification
from icell_tf.evaluation.integration import Integration
from icell_tf.evaluation.memorisation import identity_scores
from icell_tf.evaluation.metrics.scores import Part


@dataclass(eq=False)
class Scorecard:
    """What was measured of a model.

    Attributes:
      classification, integration: of each test cell.
      parts: {key: `Part`}, keys as metrics.json has them.
      shapes: {sample: {shape: (N,)}}, areas and so on of generated and real cells.
      codes: {"z_r", "z_s": `latent.dimension_table`}.
      distances: {space: {sample: (N,)}}, to the nearest training cell.
    """

    classification: Classification
    integration: Integration
    parts: dict[str, Part] = field(default_factory=dict)
    shapes: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    codes: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    distances: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def measure(subject, cells, draws=32, seed=0, tell=print):
    """Measures a model on its test cells.

    Args:
      subject: `Subject`.
      cells: {"train", "test": `CodedCells`}, and validation where there is one.
      draws: draws of z_s for the mean prediction.
      seed: of draws, generated cells and poses.
      tell: called with a line before each part.

    Returns: `Scorecard`.
    """
    integrator, train, test = subject.integrator, cells["train"], cells["test"]
    structures = integrator.structures

    tell("reconstruction")
    reconstructed = Part(
        "Reconstruction",
        "How much of a held-out cell survives encoding and decoding?",
        reconstruction.scores(subject, test, train),
    )

    tell("classification")
    card = Scorecard(classification.measure(test, train, structures), None)
    card.parts["reconstruction"] = reconstructed
    card.parts["classification"] = Part(
        "Classification", "Which structure does an image show?", classification.scores(card.classification)
    )
    card.parts["unseen"] = Part(
        "None of these",
        unseen.why_not(subject.prepared) or "Are cells with a structure that was left out of training told as unknown?",
        unseen.scores(unseen.measure(integrator, subject.prepared, cells)),
    )

    tell("integration")
    card.integration = integration.measure(integrator, test, train, draws, seed)
    card.parts["integration"] = Part(
        "Integration",
        "Is each structure predicted where it is, given membrane and nucleus alone? Rivals take it from the training "
        "cells: its mean image, or that of the nearest cells, in codes of shape or in pixels.",
        integration_scores.scores(card.integration),
    )

    tell("draws of z_s")
    card.parts["samples"] = Part(
        "Samples",
        "Do draws of z_s vary as cells do, and does a structure stay where it can be?",
        drawn.scores(drawn.measure(integrator, test, draws, seed)),
    )

    tell("generated cells")
    verdict = judge.train_judge(train.images, train.y, len(structures), seed)
    samples = generated.draw_samples(integrator, test, train, seed)
    scores, card.shapes = generated.generated_scores(samples, verdict, integrator.pixel_size)
    card.parts["generated"] = Part(
        "Generated cells",
        "Do cells drawn from the prior pass for real ones? A judge, a small classifier trained on real training cells "
        "alone, looks at them; real cells that it never saw show what it can tell.",
        scores,
    )
    scores, card.distances = identity_scores(samples, train.images, verdict, integrator.mirrored)
    card.parts["identity"] = Part("Memorisation", "Are generated cells copies of training cells?", scores)

    tell("latent space")
    scores, card.codes = latent.latent_scores(integrator, subject.networks["dec_rs"], test, seed)
    card.parts["latent"] = Part(
        "Latent space", "Do the codes fill their prior, and which dimensions tell what?", scores
    )
    return card


def content(card):
    """Returns the scorecard as metrics.json has it: the main figures, and every score under `scores`."""
    return {
        **classification.content(card.classification),
        **integration.content(card.integration),
        "scores": {
            key: {name: score.to_json() for name, score in part.scores.items()} for key, part in card.parts.items()
        },
    }

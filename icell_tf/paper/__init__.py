"""The paper's figures and tables, made from a trained model and its cells."""

from icell_tf.paper import cells as pictures
from icell_tf.paper import counts, curves, diagram, latent, networks
from icell_tf.paper.exhibit import Exhibit

__all__ = ["Exhibit", "draw"]


def draw(subject, cells, seed=0, structure="tom20"):
    """Draws every figure and table of the paper that the subject has what it takes for.

    Args:
      subject: a `Subject`.
      cells: {"train", "validation", "test": `CodedCells`}; train may be a part, and validation absent.
      seed: of the choice of cells.
      structure: shown in Figure S5 (b); where the data set lacks it, its first.

    Returns: `Exhibit`s in the paper's order, without those of a phase whose curves or decoder are gone,
    and without Figures S4 and S5 of codes that have one dimension.
    """
    planes = subject.integrator.latent_dim > 1  # Figures S4 and S5 are of two dimensions
    exhibits = [
        diagram.model_diagram(subject, cells, seed),
        *pictures.observed_cells(subject, cells, seed),
        *pictures.predicted_cells(subject, cells, seed),
        *pictures.reconstructed_cells(subject, cells, seed),
        curves.training_curves(subject),
        *(latent.reference_codes(subject, cells, seed) if planes else ()),
        *(latent.structure_codes(subject, cells, seed, structure) if planes else ()),
        *networks.network_tables(subject),
        counts.split_table(subject, cells),
        counts.confusion_table(subject, cells, seed),
    ]
    return [exhibit for exhibit in exhibits if exhibit is not None]

"""The paper's figures and tables, made from a trained model and its cells."""

from icell_tf.paper import cell_figures, counts, curves, diagram, latent_figures, network_tables


def draw(subject, cells, seed=0, structure="tom20"):
    """Draws every figure and table of the paper that this model and data set allow.

    Args:
      subject: a `Subject`.
      cells: {"train", "validation", "test": `CodedCells`}; train may be a part, and validation absent.
      seed: of the choice of cells.
      structure: shown in Figure S5 (b); where the data set lacks it, its first.

    Returns: `Exhibit`s in the paper's order. Those of a phase whose curves or decoder are gone are left out, and so are
    Figures S4 and S5 of codes that have one dimension.
    """
    planes = subject.integrator.latent_dim > 1  # Figures S4 and S5 are of two dimensions
    exhibits = [
        diagram.model_diagram(subject, cells, seed),
        *cell_figures.observed_cells(subject, cells, seed),
        *cell_figures.predicted_cells(subject, cells, seed),
        *cell_figures.reconstructed_cells(subject, cells, seed),
        curves.training_curves(subject),
        *(latent_figures.reference_codes(subject, cells, seed) if planes else ()),
        *(latent_figures.structure_codes(subject, cells, seed, structure) if planes else ()),
        *network_tables.tables_of_networks(subject),
        counts.split_table(subject, cells),
        counts.confusion_table(subject, cells, seed),
    ]
    return [exhibit for exhibit in exhibits if exhibit is not None]

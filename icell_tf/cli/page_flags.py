"""The flags that say which cells the explorer offers, for `icell explorer` and `icell serve`."""

from absl import flags

from icell_tf.cli.command import define_files
from icell_tf.messages import counted, show

flags.disclaim_key_flags()  # --help lists them as those of the command that defines them here


def define_page_flags():
    """Defines --cells and --limit.

    Returns: a function, to be called once the flags are parsed: from the folder of a model and its `Integrator` to the
      `site.Cells`. It says what becomes public.
    """
    cells = define_files(
        "cells",
        "prepared data sets' folders, or manifests, whose cells the page offers beside the examples of a model that "
        "ships; they become public with the page",
    )
    limit = flags.DEFINE_integer("limit", None, "cells of the page taken from each", lower_bound=1)

    def find(model, integrator):
        from icell_tf.serve import site  # here, because --help needs no model

        found = site.find_cells(model, cells.value, integrator, limit.value)
        if found.given:
            show(f"{counted(len(found.given), 'cell')} of --cells: whoever can open the page can copy them.")
        return found

    return find

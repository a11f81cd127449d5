"""What the first pass over the cells of a build finds, and whether an earlier build found the same."""

import dataclasses
import hashlib
import json

from icell_tf import structures
from icell_tf.data.builder import frames, report, sources
from icell_tf.data.builder.passes import BeamPasses, LocalPasses
from icell_tf.data.records import FILES, FINGERPRINT, SPEC, file_digests
from icell_tf.imaging.manifest.cells import BadCell, ExcludedCell


@dataclasses.dataclass
class Examination:
    """What the second pass needs from the first.

    Attributes:
      cells: all cells of the build.
      passes: give the cells' records.
      divided: {split: [indices of its good cells]}.
      tally: `report.Tally` of the good cells.
      bad_cells: `BadCell`s, which the build goes without.
      larger_frames: lines that say what larger frames would hold of them.
      fingerprint: text that differs if any record's image, labels or split does.
    """

    cells: list
    passes: LocalPasses | BeamPasses
    divided: dict[str, list[int]]
    tally: report.Tally
    bad_cells: list[BadCell]
    larger_frames: list[str]
    fingerprint: str

    @property
    def structures(self):
        """Their names: those of Table S8 in its order, then the others alphabetically."""
        return structures.in_table_order(self.cells[i].structure for indices in self.divided.values() for i in indices)


def examine(config, cells, bad_cells, passes, cells_per_split=None) -> Examination:
    """Runs the first pass over the cells of a build.

    Args:
      config: an `IntegratedCellConfig`.
      cells, bad_cells: as `sources.list_cells` returns them.
      passes: `LocalPasses` or `BeamPasses` over the cells.
      cells_per_split: keeps so many cells of each split, the first ones; None keeps all.

    Raises: BadCells: a cell can't be used and the config doesn't say to skip it, or no cell is good. ValueError: a
      simulated cell doesn't fit into the frame.
    """
    bad_cells, good, tally = list(bad_cells), {}, report.Tally(config.frame.axes)
    for index, outcome in enumerate(passes.examine()):
        if isinstance(outcome, BadCell):
            bad_cells.append(outcome)
        else:
            good[index] = outcome.digest
            tally.add(outcome)
    larger = frames.larger_frames(config.frame, bad_cells, len(cells), config.largest_pixel)
    unusable = [bad for bad in bad_cells if not isinstance(bad, ExcludedCell)]
    if unusable and config.simulated:
        why = larger or [f"{len(unusable)} of {len(cells)} simulated cells can't be made, such as {unusable[0]}"]
        raise ValueError("\n".join([*why, "Give another pixel_size (µm/px) or image_size (px) in --config."]))
    if unusable and (config.on_bad_cell == "fail" or not good):
        enlarge = ", take a larger frame" if larger else ""
        skip = f'Correct or remove them{enlarge}, or set them aside with "on_bad_cell": "skip" in --config.'
        remedy = skip if config.on_bad_cell == "fail" else "No cell is left. Correct them."
        raise report.BadCells(unusable, remedy, larger)
    divided = sources.divide(config, cells, good)
    divided = {split: indices[:cells_per_split] for split, indices in divided.items()}
    if config.truth:
        _refuse_lost_structures(cells, divided)
    fingerprint = hashlib.sha256()
    for split, indices in divided.items():
        fingerprint.update(b"".join((split.encode(), *(good[index] for index in indices))))
    return Examination(cells, passes, divided, tally, bad_cells, larger, fingerprint.hexdigest())


def _refuse_lost_structures(cells, divided):
    """Raises a ValueError if no cell is left that shows a structure: the records of the others hold its images."""
    left = {cells[index].structure for indices in divided.values() for index in indices}
    if lost := {cell.structure for cell in cells} - left:
        raise ValueError(
            f"No cell is left that shows {', '.join(sorted(lost))}, so no model could learn what truth.csv says of it. "
            "Correct its cells, or remove its rows from manifest.csv and truth.csv."
        )


def check_prepared(folder, wanted):
    """Checks that a folder holds the data set that a build would make.

    Args: folder: of the prepared data set, as TFDS' path. wanted: what its metadata.json has to hold beside the spec.
    Raises: ValueError: it holds no finished data set, or one that was made from other arguments or files.
    """
    try:
        stored = json.loads((folder / "metadata.json").read_text())
        files = stored.pop(FILES)
        for key in (SPEC, FINGERPRINT):  # they follow from the arguments and files
            stored.pop(key)
    except KeyError as error:
        raise ValueError(f"{folder} holds a data set without {error} in metadata.json: remove the folder.") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} holds no finished data set ({error}): remove the folder.") from error
    differences = [
        f"{name}: it has {stored.get(name)!r}, this build {wanted.get(name)!r}"
        for name in sorted(stored.keys() | wanted.keys())
        if stored.get(name) != wanted.get(name)
    ]
    if differences:
        raise ValueError(
            f"{folder} holds a data set that was prepared differently:\n  "
            + "\n  ".join(differences)
            + "\nGive this one another name (--config='{\"name\": ...}'), or replace the old one with --overwrite."
        )
    try:
        found = file_digests(folder / name for name in files)
    except OSError as error:
        raise ValueError(f"{folder} is not complete ({error}): remove it, or replace it with --overwrite.") from error
    wrong = [name for name in files if found[name] != files[name]]
    if wrong:
        raise ValueError(f"{folder / wrong[0]} is not the file that was prepared there: replace all with --overwrite.")

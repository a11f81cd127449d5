"""Cells and their records as lines of text, which is what Apache Beam's workers read and write; needs no TensorFlow."""

import base64
import pickle

from icell_tf.imaging.manifest.cells import BadCell


def encode(value) -> str:
    """Encodes any value as a line of text."""
    return base64.b64encode(pickle.dumps(value)).decode("ascii")


def decode(line: str):
    """Decodes a line that `encode` wrote. Only for lines of this build's own: a pickle can run code."""
    return pickle.loads(base64.b64decode(line))


def examine_line(line: str, examine) -> str:
    """Examines a cell in the first pass.

    Args: line: encodes (index, cell). examine: a function as `imaging.prepare.examine`.
    Returns: a line that encodes (index, `Findings` or `BadCell`).
    """
    index, cell = decode(line)
    outcome = examine(cell)
    return encode((index, outcome if isinstance(outcome, BadCell) else outcome[1]))


def make_example(line: str, examine) -> tuple[str, dict]:
    """Prepares a cell in the second pass. Args: see `examine_line`. Returns: its id and its record. Raises: BadCell."""
    _, cell = decode(line)
    outcome = examine(cell)
    if isinstance(outcome, BadCell):
        raise outcome
    return cell.cell_id, outcome[0]

"""Cells and their records between processes: bytes, and lines of text for Apache Beam; needs no TensorFlow."""

import base64
import pickle
import zlib

from icell_tf.imaging.manifest.cells import BadCell


def examine_packed(cell, examine):
    """Examines a cell in the first pass on this machine.

    Volumes are mostly zeros: packed, they take a tenth of the space or less on the way and in the temporary file.

    Args: cell: of the build. examine: a function as `imaging.prepare.examine`.
    Returns: its record as bytes, for `unpack`, and its `Findings`; or the `BadCell`.
    """
    outcome = examine(cell)
    if isinstance(outcome, BadCell):
        return outcome
    record, findings = outcome
    return zlib.compress(pickle.dumps(record, pickle.HIGHEST_PROTOCOL), 1), findings


def unpack(packed: bytes) -> dict:
    """Returns the record that `examine_packed` packed. Only for this build's own: a pickle can run code."""
    return pickle.loads(zlib.decompress(packed))


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

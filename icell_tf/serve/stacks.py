"""What the process that reads an upload does; it loads neither TensorFlow nor the web framework."""

from icell_tf.imaging.one_stack import prepare_stack
from icell_tf.imaging.read.strangers import check_stranger


def read_stack(stack, segmentation, spec, reading, limits):
    """Reads a stack that was sent and brings it into the model's frame.

    Args: as of `one_stack.prepare_stack`; limits: `strangers.Limits`.
    Returns: image, transform, and the sentences on what was guessed, "FILE: SENTENCE" each.
    Raises: as `check_stranger` and `prepare_stack`.
    """
    guesses = []
    check_stranger(stack, reading.scene, limits)
    if segmentation not in (None, stack):
        check_stranger(segmentation, None, limits)
    cell = prepare_stack(
        stack, segmentation, spec, reading, lambda path, found: guesses.extend(f"{path}: {guess}" for guess in found)
    )
    return cell.image, cell.transform, guesses

"""Runs a function in a process of its own, which gets only so much memory and time: a stranger's file may want more.

The process is forked from a small server of processes that has loaded what reads images and not TensorFlow, whose
threads don't survive a fork. It takes some ten milliseconds to start, and with it goes all memory that it has taken.
"""

import contextlib
import dataclasses
import logging
import multiprocessing
import resource
import threading
import traceback

import psutil

from icell_tf.imaging.parallel import empty_main
from icell_tf.messages import explain

_STARTING = threading.Lock()  # `empty_main` is for one thread at a time
PRELOADED = [__name__, "icell_tf.serve.stacks"]


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What a process may take. Attributes: memory: bytes, beyond what it has when it starts; seconds."""

    memory: int = 2**32
    seconds: float = 60


def run_apart(function, *arguments, bounds=None):
    """Calls a function in a process of its own, and returns what it returns.

    Args: function and arguments that can be pickled; `Bounds`.
    Raises: ValueError: the function raised an error that a user can correct, or any other (the log then has it), or it
      took more than it may.
    """
    bounds = bounds or Bounds()
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, bounds, function, arguments), daemon=True)
    with _STARTING, empty_main():
        context.set_forkserver_preload(PRELOADED)
        process.start()
    sender.close()
    try:
        result, sentence, unexpected = _answer(receiver, bounds)
    finally:
        process.kill()
        process.join()
        receiver.close()
    if unexpected:
        logging.getLogger(__name__).error("%s", unexpected)
    if sentence:
        raise ValueError(sentence)
    return result


def _answer(receiver, bounds):
    """Returns what the process found: its result, or a sentence, and the traceback of an error of the program."""
    if not receiver.poll(bounds.seconds):
        return None, f"it can't be read within {bounds.seconds:g} seconds: send a smaller image", ""
    try:
        return receiver.recv()
    except EOFError:
        return None, "it can't be read: it is damaged, or it needs more memory than there is", ""


def _work(sender, bounds, function, arguments):
    """What the process does."""
    memory, seconds = psutil.Process().memory_info().vms + bounds.memory, int(bounds.seconds) + 1
    with contextlib.suppress(ValueError, OSError):  # a lower limit is set from outside
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with contextlib.suppress(ValueError, OSError):  # should the server be killed meanwhile
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = function(*arguments), "", ""
    except MemoryError:
        found = None, "it needs more memory than there is: crop it, or leave out channels", ""
    except Exception as error:
        sentence = explain(error)
        unexpected = "" if sentence else traceback.format_exc()
        found = None, sentence or f"it can't be used: {type(error).__name__}: {error}", unexpected
    sender.send(found)

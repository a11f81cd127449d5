"""The commands as `icell` and train/*.py run them, but in this process, which has imported TensorFlow already."""

import contextlib
import io
import pathlib
import runpy
import sys

import pytest
from absl import app, flags

from icell_tf.cli import icell

TRAIN = pathlib.Path(__file__).resolve().parent.parent / "train"


@contextlib.contextmanager
def own_flags(name=None):
    """Removes the flags that are defined meanwhile; the command of that name defines its own, as in a new process."""
    before = set(flags.FLAGS)
    sys.modules.pop(f"icell_tf.cli.{name}", None)
    try:
        yield
    finally:
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)


def run_command(folder, name, *arguments):
    """Runs train/NAME.py in a folder. Returns: its exit status, or the message it ends with, and what it printed."""
    path = str(TRAIN / name)
    start = lambda: runpy.run_path(path, run_name="__main__")  # noqa: E731
    return _run(folder, pathlib.Path(name).stem, start, [path, *arguments])


def run_icell(folder, name, *arguments):
    """As `run_command`, of `icell NAME`."""
    return _run(folder, icell.COMMANDS[name][0], icell.main, ["icell", *name.split(), *arguments])


def _run(folder, module, start, argv):
    out = io.StringIO()
    with own_flags(module), pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.chdir(folder)
        patch.setattr(sys, "argv", list(map(str, argv)))
        patch.setattr(app, "run", lambda main, flags_parser: sys.exit(main(flags_parser(sys.argv))))
        with pytest.raises(SystemExit) as ended:
            start()
    return ended.value.code or 0, out.getvalue()

"""The commands as `python train/NAME.py` runs them, but in this process, which has imported TensorFlow already."""

import contextlib
import io
import pathlib
import runpy
import sys

import pytest
from absl import app, flags

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
    path, out = str(TRAIN / name), io.StringIO()
    with own_flags(pathlib.Path(name).stem), pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [path, *map(str, arguments)])
        patch.setattr(app, "run", lambda main: sys.exit(main(flags.FLAGS(sys.argv))))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(path, run_name="__main__")
    return ended.value.code or 0, out.getvalue()

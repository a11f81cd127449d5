"""The commands as `python train/NAME.py` runs them, but in this process, which has imported TensorFlow already."""

import contextlib
import io
import pathlib
import runpy
import sys

import pytest
from absl import app, flags

TRAIN = pathlib.Path(__file__).resolve().parent.parent / "train"


def run_command(folder, name, *arguments):
    """Runs a command in a folder. Returns: its exit status, or the message it ends with, and what it printed."""
    path, out, before = str(TRAIN / name), io.StringIO(), set(flags.FLAGS)
    try:
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
            patch.chdir(folder)
            patch.delitem(sys.modules, f"icell_tf.cli.{TRAIN.joinpath(name).stem}", raising=False)  # defines its flags
            patch.setattr(sys, "argv", [path, *map(str, arguments)])
            patch.setattr(app, "run", lambda main: sys.exit(main(flags.FLAGS(sys.argv))))
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(path, run_name="__main__")
    finally:
        for flag in set(flags.FLAGS) - before:  # or the next command could not define them
            delattr(flags.FLAGS, flag)
    return ended.value.code or 0, out.getvalue()

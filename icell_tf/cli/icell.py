"""The command `icell`: finds the command that is asked for, and imports only that one.

Nothing slow is imported here, so that --help and a misspelt command are answered at once.
"""

import difflib
import importlib
import sys

import icell_tf

# Each command: its module in icell_tf.cli, and what it does.
COMMANDS = {
    "build": ("build", "prepare a data set: simulated cells, or cells from images of your own"),
    "fields": ("fields", "cut single cells out of fields of view, and list them for build"),
    "train reference": ("reference", "phase 1: the shapes of cells and nuclei"),
    "train conditional": ("conditional", "phase 2: structures, given the shape"),
    "train sampler": ("sampler", "phase 3: sharp draws of cells and structures"),
    "cross-validate": ("cross_validate", "train and test in folds, so that every cell is tested once"),
    "evaluate": ("evaluate", "measure a trained model on its test cells, and write the report"),
    "integrate": ("integrate", "predict every structure in your cells"),
    "sample": ("sample", "draw new cells"),
    "traverse": ("traverse", "show what varies along the latent codes, or between two cells"),
    "export": ("export", "write a trained model as a SavedModel, which TensorFlow Serving runs"),
    "explorer": ("explorer", "write the explorer, a page in which a model runs, as a folder for a web server"),
    "serve": ("serve", "answer requests for a trained model by HTTP"),
    "models": ("models", "list the trained models that ship with icell_tf"),
    "doctor": ("doctor", "examine this machine before a long run"),
}
HELP = ("--help", "-h", "-help", "help")
TRAIN = "train"
USAGE = 2  # exit status of a command that can't be understood


def main():
    """Runs the command in sys.argv."""
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(f"icell {icell_tf.__version__}")
        return
    if not words or words[0] in HELP:
        print(_overview())
        sys.exit(0 if words else USAGE)
    if words == [TRAIN] or words[0] == TRAIN and words[1] in HELP:
        print(_overview(f"{TRAIN} "))
        sys.exit(0 if words[1:] else USAGE)
    length = 2 if words[0] == TRAIN else 1
    name, arguments = " ".join(words[:length]), words[length:]
    if name not in COMMANDS:
        sys.stderr.write(f"icell: {_unknown(name)}\n")
        sys.exit(USAGE)
    sys.argv = [f"icell {name}", *arguments]
    run(name)


def run(name):
    """Runs a command of `COMMANDS` with the flags and arguments in sys.argv; sys.argv[0] is what --help calls it."""
    from icell_tf.cli.command import start
    from icell_tf.messages import quiet_start

    with quiet_start():
        command = importlib.import_module(f"icell_tf.cli.{COMMANDS[name][0]}")
    start(command.main)


def _overview(prefix=""):
    """Returns the help text on the commands that begin with a prefix."""
    shown = {name: what for name, (_, what) in COMMANDS.items() if name.startswith(prefix)}
    width, usage = max(map(len, shown)), f"icell {prefix}{'PHASE' if prefix else 'COMMAND'}"
    listed = [f"  {name:{width}}  {what}" for name, what in shown.items()]
    return "\n".join([f"Usage: {usage} --FLAG=VALUE ...", "", *listed, "", f"{usage} --help lists the flags."])


def _unknown(name):
    """Says what is wrong with a command that doesn't exist, with the nearest one that does."""
    group, _, last = name.rpartition(" ")
    if last.startswith("-"):
        what, where = ("phase", f"icell {TRAIN}") if group else ("command", "icell")
        return f"the {what} comes before the flags, found {last} first; `{where} --help` lists them"
    nearest = {**{command.rpartition(" ")[2]: command for command in COMMANDS}, TRAIN: TRAIN}
    near = difflib.get_close_matches(last, nearest, 1)
    guess = f"did you mean `icell {nearest[near[0]]}`? " if near else ""
    return f"{name!r} is no command: {guess}`icell --help` lists them"

"""The command `icell`: which command it finds, what it says of others, and how soon."""

import ast
import pathlib
import subprocess
import sys

import pytest

import icell_tf
from icell_tf.cli import icell

from ..in_process import TRAIN, run_icell

CLI = pathlib.Path(icell.__file__).parent
QUICK = """
import sys, time
from icell_tf.cli.icell import main

sys.argv[:] = ["icell", *sys.argv[1:]]
try:
    main()
finally:
    slow = {"tensorflow", "keras", "numpy", "absl", "tensorflow_datasets"} & set(sys.modules)
    print(f"{time.process_time():.1f} s, {sorted(slow)}", file=sys.stderr)
"""


def answer(monkeypatch, capsys, *words):
    """Returns the exit status of `icell` with these words, and what it printed on both streams."""
    monkeypatch.setattr(sys, "argv", ["icell", *words])
    with pytest.raises(SystemExit) as ended:
        icell.main()
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"]])
def test_it_answers_before_anything_slow_is_imported(words, tmp_path):
    done = subprocess.run([sys.executable, "-c", QUICK, *words], cwd=tmp_path, capture_output=True, text=True)
    seconds, _, slow = done.stderr.splitlines()[-1].partition(" s, ")
    assert float(seconds) < 1 and slow == "[]"


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["-h"], 0), (["help"], 0)])
def test_help_lists_all_commands(monkeypatch, capsys, words, status):
    code, out, _ = answer(monkeypatch, capsys, *words)
    listed = [line for line in out.splitlines() if line.startswith("  ")]
    assert code == status and len(listed) == len(icell.COMMANDS)
    for line, (name, (_, what)) in zip(listed, icell.COMMANDS.items(), strict=True):
        assert line.startswith(f"  {name} ") and line.endswith(what) and len(line) <= 100


@pytest.mark.parametrize(("words", "status"), [(["train"], 2), (["train", "--help"], 0)])
def test_help_on_training_lists_the_phases(monkeypatch, capsys, words, status):
    code, out, _ = answer(monkeypatch, capsys, *words)
    listed = [line.split()[:2] for line in out.splitlines() if line.startswith("  ")]
    assert code == status and listed == [["train", phase] for phase in ("reference", "conditional", "sampler")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian", "reference"], "'trian' is no command: did you mean `icell train`? `icell --help` lists them"),
        (["train", "refrence"], "'train refrence' is no command: did you mean `icell train reference`? "),
        (["sampler", "--preset=demo"], "'sampler' is no command: did you mean `icell train sampler`? "),
        (["cross_validate"], "'cross_validate' is no command: did you mean `icell cross-validate`? "),
        (["xyz"], "'xyz' is no command: `icell --help` lists them"),
        (["--preset=demo", "train"], "the command comes before the flags, found --preset=demo first; `icell --help` "),
        (["train", "--preset=demo"], "the phase comes before the flags, found --preset=demo first; `icell train --he"),
    ],
)
def test_another_command_is_refused_with_the_nearest(monkeypatch, capsys, words, message):
    code, out, err = answer(monkeypatch, capsys, *words)
    assert code == 2 and not out and err.startswith(f"icell: {message}")


def test_the_version(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["icell", "--version"])
    icell.main()
    assert capsys.readouterr().out == f"icell {icell_tf.__version__}\n"


@pytest.mark.parametrize(("name", "module"), [(name, module) for name, (module, _) in icell.COMMANDS.items()])
def test_each_command_is_found_with_its_arguments(monkeypatch, name, module):
    parsed = ast.parse((CLI / f"{module}.py").read_text(encoding="utf-8"))
    assert "main" in [node.name for node in parsed.body if isinstance(node, ast.FunctionDef)]
    found = []
    monkeypatch.setattr(icell, "run", lambda name: found.append((name, list(sys.argv))))
    monkeypatch.setattr(sys, "argv", ["icell", *name.split(), "a.tif", "--seed=1"])
    icell.main()
    assert found == [(name, [f"icell {name}", "a.tif", "--seed=1"])]


def test_the_files_in_train_run_the_same_commands():
    started = {}
    for path in TRAIN.glob("*.py"):
        (call,) = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        assert call.func.id == "run"
        started[path.stem] = icell.COMMANDS[call.args[0].value][0]
    others = ("build", "explorer", "models", "serve")
    assert started == {module: module for module, _ in icell.COMMANDS.values() if module not in others}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--model is missing"),
        (("--modle=a",), "Unknown command line flag 'modle'. Did you mean: model ?"),
        (("--model=a", "--version=0"), "flag --version=0: 0 is not a positive integer"),
    ],
)
def test_flags_that_cannot_be_used_end_in_a_sentence(tmp_path, words, message):
    status, _ = run_icell(tmp_path, "export", *words)
    assert status == f"icell export: {message}. `icell export --help` lists the flags."

import dataclasses
import sys

import pytest

from benchmarks.accelerator import measure

from .test_description import STEP

FIGURES = {key: 1.0 for key, _, _ in measure.COLUMNS} | {"device": "H", "jax": "1", "batch_size": 32, "peak_gib": None}


def test_steps_run_in_the_order_that_says_most_first():
    steps = [
        dataclasses.replace(STEP, phase=phase, precision=precision)
        for precision in ("float32", "bfloat16")
        for phase in ("conditional", "reference")
    ]
    ordered = [(step.precision, step.phase) for step in measure.order_of(steps)]
    assert ordered[:2] == [("bfloat16", "reference"), ("bfloat16", "conditional")] and len(ordered) == 4


def test_a_table_gives_the_hours_of_both_phases():
    results = [FIGURES | {"step": f"paper-{phase}-tf32", "hours_of_schedule": 1.25} for phase in measure.PHASES]
    table = measure.table([*results, FIGURES | {"step": "demo-reference-tf32", "hours_of_schedule": None}])
    assert "The schedule of `paper` in tf32, both phases: 2.5 hours; the paper reports 16 on its GPU." in table
    assert table.count("The schedule") == 1 and "H, jax 1, batches of 32" in table
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 5 and len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("print('{\"seconds_per_step\": 1.5}')", {"seconds_per_step": 1.5}),
        ("import sys; sys.exit('no memory')", None),
        ("import time; time.sleep(60)", None),
    ],
)
def test_a_step_without_figures_costs_the_others_nothing(program, found, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(measure.sys, "executable", str(python))
    assert measure.run(STEP, tmp_path, tmp_path, steps=1, seconds=5) == found
    log = (tmp_path / "tiny-reference-tf32.log").read_text()
    assert ("no memory" in log) == ("exit" in program) and ("ended after 5 s" in log) == ("sleep" in program)

"""Worker processes: order, errors, and that they load no more than they need."""

import importlib
import math
import os
import subprocess
import sys

import pytest

from icell_tf.imaging.parallel import WorkerPool


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    with WorkerPool(workers) as pool:
        assert list(pool.map(math.sqrt, range(100))) == [math.sqrt(i) for i in range(100)]
        assert list(pool.map(math.sqrt, [])) == []


def test_a_workers_error_is_passed_on():
    with WorkerPool(2) as pool, pytest.raises(ValueError, match="math domain error"):
        list(pool.map(math.sqrt, [1.0] * 30 + [-1.0] + [1.0] * 300))


def test_a_workers_death_is_reported_with_the_items_in_work():
    with WorkerPool(2) as pool, pytest.raises(RuntimeError, match="worker process died.*at one of: .*9, .*9"):
        list(pool.map(os._exit, [9] * 20))


def test_workers_have_one_thread_and_the_caller_its_own_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with WorkerPool(2) as pool:
        assert set(pool.map(os.getenv, ["OMP_NUM_THREADS"] * 20)) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_workers_do_without_tensorflow():
    importlib.import_module("tensorflow")  # here it is loaded
    with WorkerPool(2) as pool:
        loaded = list(pool.map(importlib.util.find_spec, ["icell_tf.imaging.prepare"] * 20))
        assert all(loaded)
        code = "__import__('icell_tf.imaging.prepare') and 'tensorflow' in __import__('sys').modules"
        assert set(pool.map(eval, [code] * 20)) == {False}


@pytest.mark.parametrize("module", ["icell_tf.data.builder.lines", "icell_tf.imaging.fields.cut"])
def test_workers_of_beam_and_the_cutting_of_fields_do_without_tensorflow(module):
    subprocess.run([sys.executable, "-c", f"import sys, {module}; assert 'tensorflow' not in sys.modules"], check=True)

"""Functions that run in processes of their own."""

import math
import os
import time

import psutil
import pytest

from icell_tf.serve.apart import Bounds, run_apart


def loaded(module):
    import sys

    return module in sys.modules


def test_results_and_errors_come_back():
    assert run_apart(math.sqrt, 4.0) == 2
    with pytest.raises(ValueError, match="math domain error"):
        run_apart(math.sqrt, -1.0)
    with pytest.raises(ValueError, match=r"no\.tif: No such file"):
        run_apart(open, "no.tif")


def test_any_other_error_is_told_and_logged(caplog):
    with pytest.raises(ValueError, match="can't be used: TypeError: must be real number"):
        run_apart(math.sqrt, "4")
    assert "Traceback" in caplog.text


def test_what_takes_too_long_is_ended():
    start, children = time.monotonic(), len(psutil.Process().children())
    with pytest.raises(ValueError, match="within 0.2 seconds"):
        run_apart(time.sleep, 600, bounds=Bounds(seconds=0.2))
    assert time.monotonic() - start < 300 and len(psutil.Process().children()) == children


def test_what_takes_too_much_memory_is_ended():
    with pytest.raises(ValueError, match="more memory"):
        run_apart(bytearray, 2**40, bounds=Bounds(memory=2**28))
    assert len(run_apart(bytearray, 2**20, bounds=Bounds(memory=2**28))) == 2**20


def test_a_process_that_dies_is_an_error():
    with pytest.raises(ValueError, match="damaged"):
        run_apart(os._exit, 1)


def test_processes_load_no_tensorflow():
    assert run_apart(loaded, "icell_tf.imaging.one_stack") and not run_apart(loaded, "tensorflow")

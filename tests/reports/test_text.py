import math

import pytest

from icell_tf.reports.text import aligned, number, with_interval, words

NUMBERS = (0.9312, 0.01234, 0.00345, 12.345, 1234.5, 400, 3e-7, 0.0001, 0, -0.5, math.inf, 123.4, 0.5, None, math.nan)
TEXTS = "0.931 0.012 0.00345 12.3 1,234 400 3e-07 0.0001 0 -0.500 – 123 0.500 – –".split()


@pytest.mark.parametrize("value, text", list(zip(NUMBERS, TEXTS, strict=True)))
def test_numbers_have_three_figures(value, text):
    assert number(value) == text


def test_numbers_of_a_column_have_the_same_decimals():
    assert [number(value, decimals=3) for value in (0.00345, 1, None)] == ["0.003", "1.000", "–"]


def test_a_score_has_its_interval():
    score = {"value": 0.00345, "interval": [0.1, 0.5]}
    assert with_interval(score) == "0.00345 (0.100 to 0.500)"
    assert with_interval(score, decimals=2) == "0.00 (0.10 to 0.50)"
    assert with_interval(score | {"interval": None}) == "0.00345"
    assert with_interval({"value": None, "interval": [None, None]}) == "– (– to –)"


def test_columns_have_one_width_and_names_are_words():
    assert aligned([["a", "bb", "c"], ["aaa", "b", ""]]) == ["a    bb  c", "aaa  b"]
    assert words("membrane_r") == "membrane r"

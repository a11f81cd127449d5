"""The models that ship: what lies in the package is what was shipped, and answers as its card says."""

import pytest

from icell_tf.export import shipping
from icell_tf.runs import shipped
from icell_tf.runs.run import CARD_FILE

LARGEST = 20e6  # bytes, of all models together


@pytest.mark.parametrize("name", shipped.described())
def test_a_model_that_ships_has_the_scores_of_its_card(name):
    folder, about = shipped.resolve(name), shipped.described()[name]
    measured = shipping.measure(folder)
    assert measured == pytest.approx(about["measured"], abs=5e-4)
    card = (folder / CARD_FILE).read_text(encoding="utf-8")
    assert f"accuracy {about['measured']['accuracy']:.3f}, r of Algorithm 3 {about['measured']['r']:.3f}." in card


def test_every_model_ships_and_all_are_small():
    assert list(shipped.described()) == [model.name for model in shipping.SHIPPING]
    assert sum(file.stat().st_size for file in shipped.FOLDER.rglob("*")) <= LARGEST

import pytest

from icell_tf.viz import panels


@pytest.fixture
def montages(monkeypatch):
    """A list of what every montage is made of from now on: (rows of panels, column labels, row labels, pixel size)."""
    made, montage = [], panels.montage

    def record(rows, column_labels=None, row_labels=None, pixel_size=None):
        made.append((rows, column_labels, row_labels, pixel_size))
        return montage(rows, column_labels, row_labels, pixel_size)

    monkeypatch.setattr(panels, "montage", record)
    return made

"""Draws in test cells. Several parts of the scorecard look at the same ones, which are made once."""

import math

import numpy as np

from icell_tf.inference.moments import Moments

# Cells of which images of all structures are floats at once: 63 MB an array at 256 px and K = 10. The parts that share
# draws take batches of this size: the last bits of an image may depend on its batch.
BATCH = 12
ROOM = 2**31  # bytes of what is kept in memory
KEPT_IMAGES = 3  # that `integrate` returns of each structure
TOGETHER = 2**30 + 2**26  # bytes of draws that are asked for together: 12 cells' at 256 px


class Drawn:
    """What an integrator predicts and draws in the cells of a split, all by one seed.

    What is needed again is kept while there is room, and made anew where it was not kept.

    Args:
      integrator: the trained `Integrator`.
      cells: `CodedCells`.
      count: draws of each structure in each cell.
      seed: of the draws.
      first: how many cells, the first ones, `integrate` is asked for again; they have room before draws, of which few
        volumes fit. The draws themselves are asked for in the cells that have observations.
      room: bytes of what is kept; 0: nothing.
    """

    def __init__(self, integrator, cells, count, seed=0, first=0, room=0):
        self._integrator, self._cells, self._count, self._seed = integrator, cells, count, seed
        self._of_cell = 4 * math.prod(self._shape) // count  # bytes of an image of every structure
        self._first = min(first, len(cells), room // (KEPT_IMAGES * self._of_cell))
        self._room, self._integrated, self._draws = room - self._first * KEPT_IMAGES * self._of_cell, {}, {}
        self._drawn_again = set(cells.observed_rows.tolist()) if room else set()

    def integrate(self, rows):
        """Predicts as `Integrator.integrate` does, with samples. Args: a slice of rows.

        Returns: `structures`, `mean` and `std`, (B, *shape, K) each.
        """
        places = range(*rows.indices(len(self._cells)))
        if all(row in self._integrated for row in places):
            found = [self._integrated[row] for row in places]
            return {name: np.stack([of_cell[name] for of_cell in found]) for name in found[0]}
        x_r, moments, kept = self._x_r(rows), Moments(), self._kept_draws(places)
        structures = self._integrator.integrate(x_r)["structures"]
        for number, drawn in enumerate(self._integrator.draw(x_r, self._count, self._seed)):
            moments.add(drawn)
            for place, draws in kept.items():
                draws[number] = drawn[place]
        self._draws |= {places[place]: draws for place, draws in kept.items()}
        result = {"structures": structures, "mean": moments.mean, "std": moments.std}
        for place, row in enumerate(places):
            if row < self._first:
                self._integrated[row] = {name: images[place].copy() for name, images in result.items()}
        return result

    def draws(self, rows):
        """Returns draws, (n, count, *shape, K). Those that were kept are handed out once. Args: rows, integers."""
        draws = np.empty((len(rows), *self._shape), np.float32)
        missing = [place for place, row in enumerate(rows) if row not in self._draws]
        if missing:
            x_r = self._x_r([rows[place] for place in missing])
            for number, drawn in enumerate(self._integrator.draw(x_r, self._count, self._seed)):
                draws[missing, number] = drawn
        for place in set(range(len(rows))).difference(missing):
            draws[place] = self._draws.pop(rows[place])
        return draws

    def _x_r(self, rows):
        return self._cells.spec.reference(self._cells.x(rows))

    def _kept_draws(self, places):
        """Returns {place in a batch: (count, *shape, K), yet to be filled} of the draws that are kept."""
        kept = {}
        for place, row in enumerate(places):
            size = self._count * self._of_cell
            if row in self._drawn_again - self._draws.keys() and size <= self._room:
                self._room -= size
                kept[place] = np.empty(self._shape, np.float32)
        return kept

    @property
    def cells_at_once(self):
        """In how many cells `draws` may be asked for together."""
        return max(1, min(BATCH, TOGETHER // (4 * math.prod(self._shape))))

    @property
    def _shape(self):
        """Of all draws in a cell."""
        spec = self._cells.spec
        return self._count, *spec.shape, len(spec.structures)

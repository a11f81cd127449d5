"""The rivals of Algorithm 3: predictions of structures from the training cells alone, without the model's decoder."""

import math

import numpy as np
from sklearn.neighbors import NearestNeighbors

from icell_tf.evaluation import views
from icell_tf.spec import poses_along

SEARCH_SIZE = 32  # pixels of the longest side of the images that are searched; a larger frame is averaged down to it
SEARCHED = 2**22  # pixels of training cells that are in memory at once, in each pose
KEPT = 2**28  # bytes of structure channels that are kept in memory, so that small data sets are read once
MEAN_OF = 20  # nearest cells in a mean: by pixels on simulated_64, 5, 10, 20, 40 reach r 0.775, 0.797, 0.804, 0.797


class Neighbours:
    """The training cells, as predictors of every structure in another cell.

    `class_mean` (*shape, K) is the mean structure channel of each structure's training cells; zeros where there are
    none. The others search for the training cells of each structure whose shape is nearest, and predict

      nearest: the structure channel of the one nearest in z_r;
      nearest_pixels: that of the one nearest by Euclidean distance in the pixels of x_r;
      mean_of_nearest, mean_of_nearest_pixels: the mean of the `MEAN_OF` nearest. Like the class mean it averages out
        what the shape leaves open, but it still depends on the shape. It is the hardest rival.

    Volumes are compared as volumes. A frame larger than `SEARCH_SIZE` is averaged down to that for the search.

    A model trained on mirrored cells has seen every training cell in four poses, and integrates by the mean over four.
    For such a model each rival also searches the training cells in all four poses, with their structure mirrored, so
    that it knows all that the model knows. The names of these predictions end in _mirrored.

    Args:
      integrator: the trained `Integrator`, for z_r of mirrored training cells.
      training: `CodedCells` of the training split.
    """

    def __init__(self, integrator, training):
        self._training, self._spec, self._kept = training, training.spec, {}
        self._found = None, None  # cells, and their neighbours
        self.class_mean = training.class_means / np.float32(255)
        self._poses = poses_along(self._spec.mirrored_axes)[: 4 if integrator.mirrored else 1]
        codes = [[] for _ in self._poses[1:]]
        for rows in training.batches() if codes else ():
            x_r = self._spec.reference(training.x(rows))
            for of_pose, axes in zip(codes, self._poses[1:], strict=True):
                of_pose.append(integrator.encode_reference(np.flip(x_r, axes))["z_r"])
        self._codes = [training.z_r, *map(np.concatenate, codes)]

    def find(self, cells):
        """Finds the neighbours of N `CodedCells`, for `structures`; reads the training cells once.

        They are remembered until others are asked for.

        Returns: {rival: (N, K, n) indices}, n = 1 or `MEAN_OF`, nearest first; -1 where a structure has too few cells.
        """
        if self._found[0] is not cells:
            self._found = cells, self._search(cells)
        return self._found[1]

    def _search(self, cells):
        n, poses = len(self._training), {"": 1} if len(self._poses) == 1 else {"": 1, "_mirrored": len(self._poses)}
        points = {"nearest": cells.z_r, "nearest_pixels": np.concatenate(list(self._pixels(cells)))}
        candidates = {"nearest": [self._codes], "nearest_pixels": self._posed_pixels()}
        found = {}
        for name in points:
            searches = {suffix: _Search(points[name], len(self._spec.structures)) for suffix in poses}
            start = 0
            for vectors in candidates[name]:
                rows = np.arange(start, start + len(vectors[0]))
                start += len(rows)
                for suffix, count in poses.items():
                    places = np.concatenate([pose * n + rows for pose in range(count)])
                    searches[suffix].add(np.concatenate(vectors[:count]), self._training.y[places % n], places)
            for suffix, search in searches.items():
                found |= {name + suffix: search.nearest[:, :, :1], f"mean_of_{name}{suffix}": search.nearest}
        return found

    def structures(self, indices):
        """Returns the mean structure channels of neighbours.

        Args: indices (B, K, n), of `find`. Returns: (B, *shape, K) float32 in 0..255; 0 where there is no neighbour.
        """
        mean = np.zeros((*indices.shape[:-1], *self._spec.shape), np.float32)
        self._keep(indices)
        for place in np.ndindex(indices.shape[:-1]):
            nearest = indices[place][indices[place] >= 0]
            for index in nearest:
                mean[place] += self._copy(index)
            mean[place] /= max(1, len(nearest))
        return np.moveaxis(mean, 1, -1)

    def copies(self, indices):
        """Returns the structure channels of neighbours in the pose that is near.

        Args: indices: of any shape, of `find`. Returns: (*indices.shape, *shape) uint8; 0 where there is no neighbour.
        """
        self._keep(indices)
        images = np.zeros((*indices.shape, *self._spec.shape), np.uint8)
        for place in zip(*np.nonzero(indices >= 0), strict=True):
            images[place] = self._copy(indices[place])
        return images

    def _copy(self, index):
        """Returns the structure channel of one neighbour, of those that are kept, in the pose that is near."""
        pose, row = divmod(int(index), len(self._training))  # in the search pose follows after pose
        return np.flip(self._kept[row], [axis - 1 for axis in self._poses[pose]])

    def _keep(self, indices):
        """Reads the structure channels of neighbours, of which many are kept for the next call."""
        wanted = np.unique(indices[indices >= 0] % len(self._training))
        missing = [row for row in wanted.tolist() if row not in self._kept]
        if (len(self._kept) + len(missing)) * math.prod(self._spec.shape) > KEPT:
            self._kept, missing = {}, wanted.tolist()
        for part in views.batches(len(missing), self._spec):
            channels = self._spec.structure(self._training.images(missing[part])).copy()
            self._kept |= dict(zip(missing[part], channels, strict=True))

    def _pixels(self, cells):
        """Yields the reference channels of cells, (B, D), batch by batch."""
        for x_r in cells.averaged_down(SEARCH_SIZE, self._spec.reference):
            yield x_r.reshape(len(x_r), -1)

    def _posed_pixels(self):
        """Yields the reference channels of training cells, a list of (B, D), one a pose."""
        small = self._training.averaged_down(SEARCH_SIZE, self._spec.reference)
        blocks = zip(self._spec.shape, views.block(self._spec.shape, SEARCH_SIZE), strict=True)
        pixels = len(self._spec.reference_names) * math.prod(side // size for side, size in blocks)
        for x_r in views.regrouped(small, max(1, SEARCHED // pixels)):
            yield [np.flip(x_r, axes).reshape(len(x_r), -1) for axes in self._poses]


class _Search:
    """A search for the nearest of candidates that come in parts.

    Args: points (N, D); K structures.
    Attributes: nearest (N, K, MEAN_OF), numbers of the candidates of each structure, nearest first; -1 for none.
    """

    def __init__(self, points, structures):
        self._points = points
        self.nearest = np.full((len(points), structures, MEAN_OF), -1)
        self._distances = np.full(self.nearest.shape, np.inf)

    def add(self, candidates, y, numbers):
        """Looks at more candidates. Args: candidates (M, D); y (M,) of their structures; numbers (M,) of theirs."""
        for k in np.unique(y):
            (of_class,) = np.nonzero(y == k)
            n = min(MEAN_OF, len(of_class))
            search = NearestNeighbors(n_neighbors=n, algorithm="brute").fit(candidates[of_class])
            distances, found = search.kneighbors(self._points)
            distances = np.concatenate([self._distances[:, k], distances], axis=1)
            found = np.concatenate([self.nearest[:, k], numbers[of_class][found]], axis=1)
            order = np.argsort(distances, axis=1, kind="stable")[:, :MEAN_OF]
            self._distances[:, k] = np.take_along_axis(distances, order, axis=1)
            self.nearest[:, k] = np.take_along_axis(found, order, axis=1)

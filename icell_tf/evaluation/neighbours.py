"""The rivals of Algorithm 3: predictions of structures from the training cells alone, without the model's decoder."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from icell_tf.evaluation.metrics import correlation
from icell_tf.inference.backends import MIRRORED_AXES

SEARCH_SIZE = 32  # pixels a side of the images that are searched; a larger frame is averaged down to it
MEAN_OF = 20  # nearest cells in a mean: by pixels on simulated_64, 5, 10, 20, 40 reach r 0.775, 0.797, 0.804, 0.797
BATCH = 50


class Neighbours:
    """The training cells, as predictors of every structure in another cell.

    `class_mean` (H, W, K) is the mean structure channel of each structure's training cells; zeros where there are none.
    The others search for the training cells of each structure whose shape is nearest, and predict

      nearest: the structure channel of the one nearest in z_r;
      nearest_pixels: that of the one nearest by Euclidean distance in the pixels of x_r;
      mean_of_nearest, mean_of_nearest_pixels: the mean of the `MEAN_OF` nearest. Like the class mean it averages out
        what the shape leaves open, but it still depends on the shape. It is the hardest rival.

    A frame larger than `SEARCH_SIZE` is averaged down to that for the search, so that large frames fit into memory.

    A model trained on mirrored cells has seen every training cell in four poses, and integrates by the mean over four.
    For such a model each rival also searches the training cells in all four poses, with their structure mirrored, so
    that it knows all that the model knows. The names of these predictions end in _mirrored.

    Args:
      integrator: the trained `Integrator`, for z_r of mirrored training cells.
      training: `CodedCells` of the training split.
    """

    def __init__(self, integrator, training):
        self.structure = training.images[..., -1]
        self._y, self._k = training.y, len(integrator.structures)
        self.class_mean = correlation.class_means(self.structure, self._y, self._k) / np.float32(255)
        self.poses = ((), *MIRRORED_AXES) if integrator.mirrored else ((),)
        codes = [training.z_r, *(_mirrored_codes(integrator, training, axes) for axes in self.poses[1:])]
        x_r = training.averaged_down(SEARCH_SIZE, slice(-1))
        pixels = [np.flip(x_r, axes).reshape(len(x_r), -1) for axes in self.poses]
        self._codes, self._pixels = np.concatenate(codes), np.concatenate(pixels)

    def find(self, cells):
        """Finds the neighbours of N `CodedCells`, for `structures`.

        Returns: {rival: (N, K, n) indices}, n = 1 or `MEAN_OF`, nearest first; -1 where a structure has too few cells.
        """
        found = {}
        x_r = cells.averaged_down(SEARCH_SIZE, slice(-1)).reshape(len(cells), -1)
        searches = {"nearest": (cells.z_r, self._codes), "nearest_pixels": (x_r, self._pixels)}
        for name, (points, training_points) in searches.items():
            for suffix, poses in ({"": 1} if len(self.poses) == 1 else {"": 1, "_mirrored": len(self.poses)}).items():
                nearest = self._nearest(points, training_points[: poses * len(self._y)])
                found |= {name + suffix: nearest[..., :1], f"mean_of_{name}{suffix}": nearest}
        return found

    def structures(self, indices):
        """Returns the mean structure channels of neighbours.

        Args: indices (B, K, n), of `find`. Returns: (B, H, W, K) float32 in 0..255; 0 where there is no neighbour.
        """
        mean = np.zeros((*indices.shape[:2], *self.structure.shape[1:]), np.float32)
        for nearest in np.moveaxis(indices, -1, 0):
            images = self.structure[nearest % len(self._y)]  # (B, K, H, W); in the search pose follows after pose
            for pose, axes in enumerate(self.poses):
                chosen = nearest // len(self._y) == pose
                images[chosen] = np.flip(images[chosen], axes)  # axes of (n, H, W), as MIRRORED_AXES count them
            images[nearest < 0] = 0
            mean += images
        mean /= np.maximum((indices >= 0).sum(axis=-1), 1)[..., None, None]
        return np.moveaxis(mean, 1, -1)

    def _nearest(self, points, training_points):
        nearest = np.full((len(points), self._k, MEAN_OF), -1)
        y = np.tile(self._y, len(training_points) // len(self._y))
        for k in np.unique(self._y):
            (of_class,) = np.nonzero(y == k)
            n = min(MEAN_OF, len(of_class))
            search = NearestNeighbors(n_neighbors=n, algorithm="brute").fit(training_points[of_class])
            nearest[:, k, :n] = of_class[search.kneighbors(points, return_distance=False)]
        return nearest


def _mirrored_codes(integrator, cells, axes):
    mirrored = (np.flip(cells.x_rs(rows)[..., :-1], axes) for rows in cells.batches(BATCH))
    return np.concatenate([integrator.encode_reference(x_r)["z_r"] for x_r in mirrored])

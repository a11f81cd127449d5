"""Where a structure is, said without the model's decoder: from the training cells alone. The rivals of Algorithm 3."""

import numpy as np
from skimage.transform import downscale_local_mean
from sklearn.metrics import pairwise_distances_argmin

from icell_tf.evaluation import metrics
from icell_tf.integrator import MIRRORED_AXES

SEARCH_SIZE = 32  # pixels a side of the images that are searched; a larger frame is averaged down to it
BATCH = 50


class Neighbours:
    """The training cells, as predictors of every structure in another cell.

    `class_mean` (H, W, K) is the mean structure channel of each structure's training cells; zeros where there are none.
    The others show the structure of one training cell that has it: the nearest in z_r (`nearest`), or the nearest by
    squared Euclidean distance in the pixels of x_r (`nearest_pixels`). A frame larger than `SEARCH_SIZE` is averaged
    down to that for the search, which keeps the search of large frames in memory.

    A model trained on mirrored cells has seen every training cell in four poses and integrates by the mean over four.
    For such a model the same two are also sought among the training cells in all four poses, with their structure
    mirrored (`nearest_mirrored`, `nearest_pixels_mirrored`), so that no rival lacks what the model was given.

    Args:
      integrator: the trained `Integrator`, for z_r of mirrored training cells.
      training: `CodedCells` of the training split.
    """

    def __init__(self, integrator, training):
        self.structure = training.images[..., -1]
        self.class_mean = metrics.class_means(self.structure, training.y, len(integrator.structures)) / np.float32(255)
        self._y, self._k = training.y, len(integrator.structures)
        self.poses = ((), *MIRRORED_AXES) if integrator.mirrored else ((),)
        codes, pixels = [training.z_r], [_searched(training, ())]
        for axes in self.poses[1:]:
            codes.append(_mirrored_codes(integrator, training, axes))
            pixels.append(_searched(training, axes))
        self._codes, self._pixels = np.concatenate(codes), np.concatenate(pixels)

    def find(self, cells):
        """Finds the neighbours of N `CodedCells`: {rival: (N, K) indices for `structures`}, -1 for no such cell."""
        cell_pixels, one_pose = _searched(cells, ()), len(self._y)
        found = {
            "nearest": self._nearest(cells.z_r, self._codes[:one_pose]),
            "nearest_pixels": self._nearest(cell_pixels, self._pixels[:one_pose]),
        }
        if len(self.poses) > 1:
            found["nearest_mirrored"] = self._nearest(cells.z_r, self._codes)
            found["nearest_pixels_mirrored"] = self._nearest(cell_pixels, self._pixels)
        return found

    def structures(self, indices):
        """Returns the structure channels of neighbours: indices (B, K) -> uint8 (B, H, W, K), 0 where there is none."""
        images = self.structure[indices % len(self._y)]  # (B, K, H, W); a pose after the other in the search
        for pose, axes in enumerate(self.poses):
            chosen = indices // len(self._y) == pose
            images[chosen] = np.flip(images[chosen], axes)  # axes (n, H, W): as MIRRORED_AXES count them
        images[indices < 0] = 0
        return np.moveaxis(images, 1, -1)

    def _nearest(self, points, training_points):
        nearest = np.full((len(points), self._k), -1)
        y = np.tile(self._y, len(training_points) // len(self._y))
        for k in np.unique(self._y):
            (of_class,) = np.nonzero(y == k)
            nearest[:, k] = of_class[pairwise_distances_argmin(points, training_points[of_class])]
        return nearest


def _mirrored_codes(integrator, cells, axes):
    mirrored = (np.flip(cells.x_rs(rows)[..., :-1], axes) for rows in cells.batches(BATCH))
    return np.concatenate([integrator.encode_reference(x_r)["z_r"] for x_r in mirrored])


def _searched(cells, axes):
    """Returns x_r of all cells as rows of floats, mirrored along the axes and averaged down."""
    factor = max(1, cells.images.shape[1] // SEARCH_SIZE)
    parts = []
    for rows in cells.batches(BATCH):
        x_r = downscale_local_mean(cells.x_rs(rows)[..., :-1], (1, factor, factor, 1))
        parts.append(np.flip(x_r, axes).reshape(len(x_r), -1).astype(np.float32))
    return np.concatenate(parts)

"""How similar preprocessing makes the pictures of one cell in different views of the microscope.

    python benchmarks/invariance.py --seeds=20

prints the lowest correlation with the first view, by structure and change of the view, over all channels and seeds.
"""

import argparse

import numpy as np

from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.simulate.shapes import sample_shape
from icell_tf.simulate.views import simulate_view
from icell_tf.structures import NAMES

FRAME = Frame((64, 64), (0.6, 0.6))
CHANGES = {
    "40 deg": {"angle": 0.7},
    "200 deg": {"angle": 3.5},
    "mirrored": {"mirrored": True, "angle": 1.3},
    "shifted": {"shift": (0.4, 0.6, 0.5)},
    "0.10 um": {"scale": (0.3, 0.1, 0.1), "angle": 2.0},
    "0.20 um": {"scale": (0.3, 0.2, 0.2), "angle": 5.0},
    "0.25 um": {"scale": (0.3, 0.25, 0.25), "angle": 5.0},
    "unequal": {"scale": (0.5, 0.12, 0.18), "angle": 4.0},
}


def picture(shape, y, **view):
    """(*FRAME.shape, C) of a view."""
    cell = simulate_view(shape, y, **view)
    return preprocess(cell.channels, cell.cell_mask, cell.nucleus_mask, cell.scale, FRAME).image


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="cells of each structure")
    parser.add_argument("--noise", action="store_true", help="with the camera's noise, which differs between views")
    arguments = parser.parse_args()
    print(f"{'':14}" + "".join(f"{change:>10}" for change in CHANGES))
    for y, name in enumerate(NAMES):
        lowest = np.ones(len(CHANGES))
        for seed in range(arguments.seeds):
            shape = sample_shape(seed)
            first = picture(shape, y, exposure=0 if arguments.noise else None)
            for i, view in enumerate(CHANGES.values()):
                other = picture(shape, y, **view, exposure=1 if arguments.noise else None)
                pairs = zip(*(image.reshape(-1, image.shape[-1]).T for image in (first, other)), strict=True)
                lowest[i] = min(lowest[i], *(np.corrcoef(a, b)[0, 1] for a, b in pairs))
        print(f"{name:14}" + "".join(f"{value:10.3f}" for value in lowest), flush=True)


if __name__ == "__main__":
    main()

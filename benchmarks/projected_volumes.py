"""How similar a volume's maximum along z is to the picture that preprocessing makes of the same stack.

    python benchmarks/projected_volumes.py --every=20
    python benchmarks/projected_volumes.py --manual_dir=FOLDER --config='{"image_size": [16, 64, 64], ...}'

prints by channel the median, the 5th percentile and the lowest of the cells' Pearson correlations, in the whole frame
and within the cell's outline. The config is that of a build of volumes; without one, it is simulated_3d.
"""

import argparse
import pathlib

import numpy as np

from icell_tf.data.builder import sources
from icell_tf.data.builder.config import CONFIGS
from icell_tf.data.builder.integrated_cell import parse_config
from icell_tf.imaging.frame.pose import BeyondFrame
from icell_tf.imaging.frame.preprocess import preprocess
from icell_tf.imaging.prepare import SimulatedId, simulate_stack
from icell_tf.spec import CHANNELS


def correlations(cell, frame, preparation=None):
    """Correlates the maximum of a cell's volume with its picture.

    Args: cell: a `CellSource` or a `SimulatedId`. frame: of volumes. preparation: a `Preparation`.
    Returns: (2, C), in the whole frame and within the cell's outline; nan where a channel is the same everywhere.
    """
    stack = simulate_stack(cell, frame) if isinstance(cell, SimulatedId) else cell.load()
    parts = stack.channels, stack.cell_mask, stack.nucleus_mask, stack.scale
    volume, picture = (preprocess(*parts, each, preparation) for each in (frame, frame.plane))
    outline = picture.transform.apply(np.any(stack.cell_mask, axis=0)) > 0.5
    projected = volume.image.max(axis=frame.axes.index("Z"))
    return np.array([_in(region, projected, picture.image) for region in (np.ones_like(outline), outline)])


def _in(region, *images):
    pairs = zip(*(image[region].T.astype(np.float64) for image in images), strict=True)
    return [np.corrcoef(a, b)[0, 1] if np.ptp(a) and np.ptp(b) else np.nan for a, b in pairs]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="simulated_3d", help="name or JSON of a build's config, of volumes")
    parser.add_argument("--manual_dir", type=pathlib.Path, help="folder of manifest.csv or of a collection")
    parser.add_argument("--every", type=int, default=1, help="takes every so many cells")
    arguments = parser.parse_args()
    config = parse_config(arguments.config)
    config = next((each for each in CONFIGS if each.name == config), config)
    cells, found, beyond = sources.list_cells(config, arguments.manual_dir)[0][:: arguments.every], [], 0
    for cell in cells:
        try:
            found.append(correlations(cell, config.frame, config.preparation))
        except BeyondFrame:
            beyond += 1
    print(f"{len(found)} cells in {config.frame}; {beyond} reach beyond it")
    print(f"{'':24}{'median':>8}{'5 %':>8}{'lowest':>8}")
    for i, region in enumerate(("frame", "outline")):
        for channel, values in zip(CHANNELS, np.moveaxis(found, 0, -1)[i], strict=False):
            figures = np.nanmedian(values), np.nanpercentile(values, 5), np.nanmin(values)
            print(f"{channel.name + ', ' + region:24}" + "".join(f"{figure:8.3f}" for figure in figures))


if __name__ == "__main__":
    main()

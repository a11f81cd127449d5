"""One cell's record of the data set, from a user's files or from the simulator."""

import dataclasses
import hashlib
import io

import numpy as np
from PIL import Image

from icell_tf import simulate, structures
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import MaskError, check_masks
from icell_tf.imaging.frame.preprocess import PreprocessedCell, preprocess, preprocess_channel
from icell_tf.imaging.manifest.cells import BadCell, CellSource, LoadedCell
from icell_tf.simulate.microscope import PSF_SIGMA_Z
from icell_tf.spec import CHANNELS, Preparation

# Lossless. Level 1 takes half the time of zlib's default and a tenth more space; the CPU limits a build.
_PNG_LEVEL = 1
SPREAD_DRAWS = 16


@dataclasses.dataclass(frozen=True)
class SimulatedId:
    """A cell to simulate; it is a field of view of its own.

    Attributes:
      structure: its labelled structure.
      number: of the cell among those of its structure.
      seed: of the data set.
      expected_draws: number of draws whose mean is an expected localization; 0: it has none.
      observations: number of images of each structure as a camera would show it; 0: it has none.
      psf_sigma_z: µm, see `simulate_cell`.
    """

    structure: str
    number: int
    seed: int = 0
    expected_draws: int = 0
    observations: int = 0
    psf_sigma_z: float = PSF_SIGMA_Z

    @property
    def cell_id(self) -> str:
        """Its id in the record."""
        return f"{self.structure}-{self.number:04d}"

    @property
    def fov_id(self) -> str:
        """Its field of view, which has no other cell."""
        return self.cell_id

    @property
    def cell_seed(self) -> int:
        """The simulator's seed for this cell, below 2**63."""
        digest = hashlib.sha256(f"{self.seed}/{self.structure}/{self.number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the report of a build needs to know about a cell.

    Attributes:
      scale: (z, y, x) of its stack, µm per voxel.
      ranges: see `PreprocessedCell`.
      ambiguous_pose: see `Pose.ambiguous`.
      guesses: see `LoadedCell` and `PreprocessedCell`.
      digest: SHA-256 of its image and labels.
    """

    scale: tuple[float, float, float]
    ranges: tuple[tuple[float, float], ...]
    ambiguous_pose: bool
    guesses: tuple[str, ...] = ()
    digest: bytes = b""


def examine(cell, frame: Frame, preparation: Preparation | None = None) -> tuple[dict, Findings] | BadCell:
    """Prepares a cell in a worker process.

    Args: cell: a `CellSource` or a `SimulatedId`. frame: its frame. preparation: a `Preparation`; None is the paper's.
    Returns: the record and the findings; or the `BadCell`, which is not raised. A picture is a PNG in the record.
    """
    try:
        if isinstance(cell, SimulatedId):
            record, findings = prepare_simulated(cell, frame)
        else:
            record, findings = prepare_cell(cell, frame, preparation)
    except BadCell as error:
        return error
    findings = dataclasses.replace(findings, digest=_digest(record))
    return record | {"image": _encoded(record["image"])}, findings


def _digest(record):
    """Digests what a model sees of a cell, however it is encoded."""
    labels = record["cell_id"], record["fov_id"], record["structure"], record["image"].shape
    return hashlib.sha256(repr(labels).encode("utf-8", "surrogatepass") + record["image"].tobytes()).digest()


def _encoded(image):
    """Encodes a picture (Y, X, C) uint8 without loss. A volume stays as it is."""
    if image.ndim > 3:
        return image
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def decoded(image) -> np.ndarray:
    """Returns the image (*shape, C) uint8 of a record that `examine` returned."""
    return np.asarray(Image.open(io.BytesIO(image))) if isinstance(image, bytes) else image


def prepare_cell(cell: CellSource, frame: Frame, preparation: Preparation | None = None) -> tuple[dict, Findings]:
    """Reads and preprocesses one cell. Returns: its record and findings. Raises: BadCell.

    Where several structures of the cell are known, the record has `truth` (*shape, K) uint8: each structure prepared as
    the cell's own; zeros where it isn't known.
    """
    loaded, prepared = load_and_preprocess(cell, frame, preparation)
    record = _record(cell, prepared)
    if loaded.truth:
        record["truth"] = _known_structures(cell, loaded, prepared.transform, preparation)
    return record, _findings(prepared, loaded.scale, loaded.guesses + prepared.guesses)


def load_and_preprocess(
    cell: CellSource, frame: Frame, preparation: Preparation | None = None
) -> tuple[LoadedCell, PreprocessedCell]:
    """Reads and preprocesses one cell. Returns: its voxels and the cell in its frame. Raises: BadCell."""
    try:
        loaded = cell.load()
        prepared = _preprocess(loaded, frame, preparation)
    except (ValueError, OSError) as error:
        reason = str(error).removeprefix(f"{cell.source}: ")
        raise BadCell(cell.cell_id, cell.source, reason, getattr(error, "reach", ())) from error
    except Exception as error:  # a parser may raise any error on a damaged file, which must not stop a build
        raise BadCell(cell.cell_id, cell.source, f"{type(error).__name__}: {error}") from error
    return loaded, prepared


def _known_structures(cell, loaded, transform, preparation):
    """All known structures of a cell, (*shape, K) uint8. Raises: BadCell: one of them is empty."""
    cell_mask, _ = check_masks(loaded.cell_mask, loaded.nucleus_mask, loaded.channels[0].shape)
    images = np.zeros((*transform.frame.shape, len(loaded.truth)), np.uint8)
    for k, (name, channel) in enumerate(loaded.truth.items()):
        try:
            if channel is not None:
                images[..., k] = preprocess_channel(channel, cell_mask, transform, preparation)
        except ValueError as error:
            raise BadCell(cell.cell_id, cell.source, f"the structure {name} by truth.csv: {error}") from error
    return images


def _preprocess(loaded, frame, preparation):
    masks = loaded.cell_mask, loaded.nucleus_mask
    try:
        return preprocess(loaded.channels, *masks, loaded.scale, frame, preparation)
    except MaskError as error:
        file = f"{loaded.mask_file}: " if loaded.mask_file else ""
        raise MaskError(f"{file}{error}") from error


def prepare_simulated(cell: SimulatedId, frame: Frame, preparation: Preparation | None = None) -> tuple[dict, Findings]:
    """Simulates and preprocesses one cell.

    Args: cell: what to simulate. frame: its frame. preparation: of its image; None is the paper's.
    Returns:
      Its record and findings. With `expected_draws` the record holds what only a simulator knows of the cell:
      `expected` (*shape, K) uint8, round(255 E[x_s | cell, y]); `ceiling` (K,), its correlation with the mean of as
      many other draws; `noise_free` (*shape, C) uint8, the image without background and noise; and `spread` (K,), the
      root of the mean over the frame of the variance of x_s given cell and y, in units of 1 = 255, from 16 draws.
      Without draws the numbers are 0, and the images have no pixels: (0, 0, K) and (0, 0, C) in 2D.
      `observations` (n, *shape, K) uint8 are images of each structure with other molecules and noise each time,
      prepared as the cell's own; n = 0 for most cells.

    Raises: BadCell: the frame doesn't hold the cell, or its pixels are too large to show one.
    """
    try:
        simulated = simulate_stack(cell, frame)
        masks = simulated.cell_mask, simulated.nucleus_mask
        prepared = preprocess(simulated.channels, *masks, simulated.scale, frame, preparation)
    except ValueError as error:  # no frame for cells
        raise BadCell(cell.cell_id, "simulated", str(error), getattr(error, "reach", ())) from error
    truths = _truths(simulated, prepared.transform, cell.expected_draws)
    truths["observations"] = _observations(simulated, prepared.transform, cell.observations)
    return _record(cell, prepared) | truths, _findings(prepared, simulated.scale)


def simulate_stack(cell: SimulatedId, frame: Frame) -> simulate.SimulatedCell:
    """Simulates a cell for a frame. Raises: ValueError: the frame's pixels are too large to show one."""
    *depth, _, _ = frame.pixel_size
    y = structures.NAMES.index(cell.structure)
    sizes = (min(frame.plane.pixel_size), *depth)
    return simulate.simulate_cell(cell.cell_seed, y, *sizes, psf_sigma_z=cell.psf_sigma_z)


def _truths(simulated, transform, draws):
    count, frame = len(structures.NAMES), transform.frame
    projected, nothing = frame.axes == frame.plane.axes, (0,) * len(frame.shape)
    expected, noise_free = (np.zeros((*nothing, last), np.uint8) for last in (count, len(CHANNELS)))
    ceiling, spread = np.zeros(count, np.float32), np.zeros(count, np.float32)
    if draws:
        first, second = (
            transform.apply(
                np.stack([simulate.expected_structure(simulated, k, draws, seed, projected) for k in range(count)])
            )
            for seed in (0, 1)
        )
        signals = transform.apply(simulate.signals_in_cell(simulated, projected))
        expected, noise_free = _to_image(first), _to_image(signals)
        ceiling = np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(first, second, strict=True)])
        for k in range(count):
            drawn = [*simulate.draw_structure(simulated, k, SPREAD_DRAWS, seed=2, projected=projected)]
            spread[k] = np.sqrt(transform.apply(np.concatenate(drawn)).var(axis=0, ddof=1).mean())
    return {"expected": expected, "ceiling": ceiling.astype(np.float32), "noise_free": noise_free, "spread": spread}


def _observations(simulated, transform, count):
    """Images of all structures as a camera would show them, (count, *shape, K) uint8."""
    images = np.zeros((count, *transform.frame.shape, len(structures.NAMES)), np.uint8)
    for k in range(images.shape[-1]):
        for i, stack in enumerate(simulate.observe_structure(simulated, k, count)):
            images[i, ..., k] = preprocess_channel(stack, simulated.cell_mask, transform)
    return images


def _to_image(channels):
    """Channels (C, *shape) in [0, 1] as (*shape, C) uint8."""
    return np.moveaxis(np.rint(255 * np.clip(channels, 0, 1)), 0, -1).astype(np.uint8)


def _record(cell, prepared):
    return {
        "image": prepared.image,
        "structure": cell.structure,
        "cell_id": cell.cell_id,
        "fov_id": cell.fov_id,
        "ambiguous_pose": prepared.pose.ambiguous,
    }


def _findings(prepared, scale, guesses=()):
    return Findings(tuple(map(float, scale)), prepared.ranges, prepared.pose.ambiguous, guesses)

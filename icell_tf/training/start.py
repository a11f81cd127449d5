"""The weights that a new run starts from, where these are not random: the settings `init` and `grow_from`."""

import contextlib
import math
from pathlib import Path

import numpy as np

from icell_tf.config import ConfigError
from icell_tf.messages import show
from icell_tf.models.growth import copy_weights, grow, same_layers
from icell_tf.runs import sources
from icell_tf.runs.trained import load_model

SIZES = ("architecture", "width", "latent_dim", "standardize")  # settings that make other networks
NEGLIGIBLE = 1e-3  # difference of pixel sizes that is not worth a word, as a share


def start(model, run):
    """Gives a fresh model the trained weights that its run's settings name, if they name any. Raises: ConfigError."""
    if run.config.init:
        networks, source = _open(run.config.init)
        with _told_of(f"--init: {run.config.init}"):
            _start_from(model, run, networks, source)
    elif getattr(run.config, "grow_from", ""):
        _grow(model, run.config.grow_from)


def check_source(init, phases):
    """Checks that phases can start from a source, before the first of them is trained. Raises: ConfigError."""
    networks, run = _open(init)
    with _told_of(f"--init: {init}"):
        for phase in phases:
            sources.for_phase(networks, run, phase)


def _open(init):
    with _told_of("--init"):
        return sources.open_source(init)


@contextlib.contextmanager
def _told_of(what):
    """Puts what it is about before the message of a `ConfigError` within."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from error


def _start_from(model, run, networks, source):
    found = sources.for_phase(networks, source, run.phase)
    _require_same_kind(run, source)
    own = sources.networks_of(model)
    for name, network in found.items():
        if not same_layers(own[name], run.spec, network, source.spec):
            raise ConfigError(f"its {name} has other layers than that of this run{_dark_start(run, source)}")
    for name, network in found.items():
        copy_weights(own[name], run.spec, network, source.spec)
    _tell(run, source, found)


def _dark_start(run, source):
    """Says so if the setting differs that, with the released architecture, gives the decoder's last layer a bias."""
    there, here = source.configs[run.phase].dark_start, run.config.dark_start
    return f": dark_start is {there} there, and {here} here. Give the setting that it has" if there != here else ""


def _require_same_kind(run, source):
    """Refuses a source of cells that were prepared otherwise, with other networks, or that saw what is held out."""
    changed = source.spec.differences(run.spec, ignore=("structures", "pixel_size"), words="is {} there, and {} here")
    if changed:
        raise ConfigError(f"its cells differ from those of {run.dataset}: {'; '.join(changed)}")
    theirs = source.configs[run.phase]
    pairs = [(name, getattr(theirs, name), getattr(run.config, name)) for name in SIZES if hasattr(run.config, name)]
    changed = [f"{name} is {there} there, and {here} here" for name, there, here in pairs if there != here]
    if changed:
        raise ConfigError(f"its networks have other sizes: {'; '.join(changed)}. Give the settings that they have")
    same_cells = source.dataset == run.dataset or source.cells == run.cells
    if same_cells and source.config.fold != run.config.fold:
        raise ConfigError(
            f"it was trained on {source.dataset}, too, with fold {source.config.fold!r}, and here fold is "
            f"{run.config.fold!r}: it has seen cells that are held out here"
        )


def _tell(run, source, found):
    """Says what was copied, and in what the new cells differ."""
    init, spec, trained = run.config.init, run.spec, source.spec
    fresh = [name for name in (*sources.NEEDED[run.phase], *sources.TAKEN[run.phase]) if name not in found]
    begun = f"; {', '.join(fresh)} start anew" if fresh else ""
    show(f"Starts from the weights of {init}: {', '.join(found)}{begun}.")
    if run.phase != "reference":
        known = [name for name in spec.structures if name in trained.structures]
        new = [name for name in spec.structures if name not in trained.structures]
        show(f"Structures that it knows: {', '.join(known) or 'none'}; new ones: {', '.join(new) or 'none'}.")
    if not all(map(_alike, trained.pixel_size, spec.pixel_size)):
        sizes = (" x ".join(f"{size:g}" for size in each.pixel_size) for each in (trained, spec))
        show(
            "Pixels are {} µm there and {} µm here, so cells of one size look larger or smaller than what these "
            "networks know. Training goes on from them all the same.".format(*sizes)
        )


def _alike(size, other):
    return math.isclose(size, other, rel_tol=NEGLIGIBLE)


def _grow(model, run_dir):
    """Gives a fresh conditional model the weights of a run with fewer structures. Raises: ConfigError."""
    old, _ = load_model(Path(run_dir).expanduser(), phases=("conditional",))
    if not all(map(np.array_equal, model.enc_r.get_weights(), old.enc_r.get_weights())):
        raise ConfigError(f"--grow_from: {run_dir} was trained on another run of phase 1 than --reference names")
    with _told_of(f"--grow_from: {run_dir}"):
        grow(model, old)

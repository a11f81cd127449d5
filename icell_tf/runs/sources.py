"""Trained networks that a new run starts from: the setting `init`."""

from icell_tf.config import ConfigError
from icell_tf.runs import shipped
from icell_tf.runs.trained import load_model
from icell_tf.runs.weights import answering

# The networks of each phase by their names: what it needs of a source, and what else it takes of one that has them.
NEEDED = {
    "reference": ("enc_r", "dec_r"),
    "conditional": ("enc_rs", "dec_rs"),
    "sampler": ("gen_s", "gen_r", "mean_gen_s", "mean_gen_r"),
}
TAKEN = {
    "reference": ("enc_d_r", "dec_d_r"),
    "conditional": ("enc_d_s", "dec_d_rs"),
    "sampler": ("critic_s", "critic_r"),
}


def open_source(init):
    """Returns the trained networks that the setting `init` names, {name: network}, with the `Run` that they are of.

    The generators of phase 3 are the averaged ones, which draw.

    Args: init: the folder of a run of any phase, or the name of a model that ships, which has no networks that only
      train. Raises: ConfigError: there are no trained networks.
    """
    try:
        folder = shipped.resolve(init)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from error
    model, run = load_model(folder)
    networks = networks_of(model)
    if shipped.is_shipped(folder):
        networks = {network.name: network for network in answering(model).values()}
    averaged = {name: networks.get(f"mean_{name}") for name in ("gen_s", "gen_r")}
    return networks | {name: network for name, network in averaged.items() if network}, run


def networks_of(model):
    """Returns the networks of a model of any phase, {name: network}."""
    return {network.name: network for network in model.layers}


def for_phase(networks, run, phase):
    """Returns the networks of a source that a phase starts from, {name: network}, the needed ones first.

    Args: networks, run: as `open_source` returns them. Raises: ConfigError: the source lacks one that is needed.
    """
    missing = [name for name in NEEDED[phase] if name not in networks]
    if missing:
        commands = " or ".join(f"`icell train {name}`" for name in dict.fromkeys((phase, "sampler")))
        raise ConfigError(
            f"it is of phase {run.phase!r}, without the {', '.join(missing)} of phase {phase!r}: give a run of "
            f"{commands}"
        )
    return {name: networks[name] for name in (*NEEDED[phase], *TAKEN[phase]) if name in networks}

"""The loader of trained models: `load`, which users find as `icell_tf.load`."""

from icell_tf.inference.backends import Networks, SavedModel
from icell_tf.inference.integrator import Integrator
from icell_tf.runs import shipped
from icell_tf.runs.known import read_known
from icell_tf.runs.run import CONFIG_FILE
from icell_tf.runs.weights import BEST, LAST

WEIGHTS = {"best": BEST, "last": LAST}


def load(path, weights="best"):
    """Loads a trained model as an `Integrator`.

    Args:
      path: folder of a run of phase 2, or of phase 3, which draws sharp; or of an exported SavedModel: one version, or
        all versions, of which the highest is loaded; or the name of a model that ships with the package, such as
        simulated_64 (`icell models` lists them).
      weights: of a run: "best" on validation, or "last". An export, and a model that ships, has one set of weights and
        takes "best" only.

    Raises:
      FileNotFoundError: there is no such folder.
      ConfigError: the run is of phase 1, or has no such weights.
      ValueError: the folder is neither a run nor an export, or is a damaged one, or there are no such weights; or there
        are both a folder and a model that ships of this name.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights is {weights!r}, but must be one of {', '.join(WEIGHTS)}")
    path = shipped.resolve(path)
    if (path / CONFIG_FILE).exists():
        from icell_tf.runs.trained import load_model  # here, because an export loads without the models' code

        model, run = load_model(path, WEIGHTS[weights], ("conditional", "sampler"))
        return integrator_of(
            model, run.mirrored, run.from_targets, run.mirrored_draws, known=read_known(path, model.enc)
        )
    versions = versions_in(path)
    folder = path / str(max(versions)) if versions else path
    if not (folder / "saved_model.pb").exists():
        found = ", ".join(sorted(child.name for child in path.iterdir())[:8]) or "is empty"
        raise ValueError(f"{path} is no run (no {CONFIG_FILE}) and no SavedModel (no saved_model.pb): {found}")
    if weights != "best":
        raise ValueError(f"{folder} is an export, which has one set of weights: the {weights} ones are in its run")
    return Integrator(SavedModel(folder))


def integrator_of(model, mirrored=False, from_targets=False, mirrored_draws=False, known=None):
    """Returns the `Integrator` of a model in memory.

    Args: a `ConditionalModel`, or a `SamplerModel`, whose generators then draw; mirrored and from_targets: see
    `Description`; mirrored_draws: see `Generators`; known: a `Known`.
    """
    generators = None
    if hasattr(model, "mean_gen_s"):
        from icell_tf.inference.generators import Generators  # here, because an export loads without the networks' code

        generators = Generators(model.spec, model.dec_r, model.mean_gen_r, model.mean_gen_s, mirrored_draws)
    networks = model.enc_r, model.enc, model.dec
    return Integrator(Networks(model.spec, *networks, mirrored, generators, from_targets, known))


def versions_in(directory):
    """Returns the numbers of the versions in a folder of exports, none if there is no such folder."""
    if not directory.is_dir():
        return []
    return [int(child.name) for child in directory.iterdir() if child.name.isdecimal() and child.is_dir()]


def version_of(path):
    """Returns the version of the model that `load` loads from a path: of an export its folder's, else 1."""
    path = shipped.resolve(path)
    if (path / CONFIG_FILE).exists():
        return 1
    return max(versions_in(path), default=int(path.name) if path.name.isdecimal() else 1)

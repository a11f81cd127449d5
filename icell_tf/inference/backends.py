"""The two back ends of an `Integrator`: trained networks in memory, and an exported SavedModel.

A back end has `functions`, {name: callable with named inputs that returns a dict of tensors}, and a `description`.
"""

import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from icell_tf.inference.checks import checked
from icell_tf.inference.noise import Z_R_PRIOR, Z_S_PRIOR, Noise
from icell_tf.inference.unknown import judged
from icell_tf.messages import system_error
from icell_tf.spec import CellSpec

DESCRIPTION_FILE = Path("assets.extra", "integrator.json")  # in an export's folder
MODEL = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
PATTERN = "[]*?\\"  # characters in the path of an export that TensorFlow takes for those of a pattern when it loads it


@dataclass(frozen=True)
class Description:
    """What a caller must know of a model besides its functions; the content of an export's integrator.json.

    Attributes:
      spec: the description of the cells that the networks were trained on.
      latent_dim: Z, the size of a code.
      mirrored: whether `integrate` and `reconstruct` return the mean over a cell's four mirrored poses, each mirrored
        back, as suits networks trained on all four.
      sharp: whether the generators of phase 3 draw. If not, draws are decoded from z_s ~ N(0, I).
      from_targets: whether `reconstruct` decodes Enc_r's z_r and the likeliest structure, as suits a decoder that has
        seen no estimates; if not, z_r_hat and the probabilities. `encode` then returns Enc_r's z_r, too.
      known: the threshold beyond which `classify` calls a cell unknown, and its measured rates, {"threshold",
        "accepted", "rates"}, see `Known`; None: it calls none so, as nobody has measured a threshold.
    """

    spec: CellSpec
    latent_dim: int
    mirrored: bool
    sharp: bool = False
    from_targets: bool = False
    known: dict | None = None

    def to_json(self):
        """Returns the text of integrator.json."""
        return json.dumps(vars(self) | {"spec": self.spec.to_dict()}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text):
        """Reads the text of integrator.json. Raises: ValueError, TypeError, KeyError: if it is another file's."""
        content = json.loads(text)
        described = cls(**{**content, "spec": CellSpec.from_dict(content["spec"])})
        if not (isinstance(described.latent_dim, int) and described.latent_dim > 0):
            raise ValueError(f"latent_dim is {described.latent_dim!r}, expected a number above 0")
        return described


def _require(folder, *files):
    for file in files:
        if not (folder / file).exists():
            raise ValueError(
                f"{folder} lacks {file}: either `icell export` did not write it, or it was not copied completely; "
                "copy the whole folder again"
            )


@contextlib.contextmanager
def _plain_path(folder):
    """Yields a path to a folder without PATTERN: a temporary link, where the folder's own path has any."""
    if not set(PATTERN) & set(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        if set(PATTERN) & set(temporary):
            raise ValueError(
                f"TensorFlow can't load a model from {folder}, since it takes {' '.join(PATTERN)} in a path for a "
                f"pattern, and {temporary}, where a link to it would lie, has such a character, too: set TMPDIR to "
                "another folder"
            )
        link = Path(temporary, "model")
        link.symlink_to(folder.resolve(), target_is_directory=True)
        yield link


class SavedModel:
    """The back end of an exported model, from the folder of a version. `functions` are its signatures.

    Raises: ValueError: `icell export` did not write the folder, or it is incomplete or damaged. OSError: a file can't
      be read.
    """

    def __init__(self, folder):
        path = folder / DESCRIPTION_FILE
        _require(folder, DESCRIPTION_FILE)
        try:
            self.description = Description.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} does not describe a model of this version ({error}): export the model again"
            ) from error
        _require(folder, *MODEL)
        with _plain_path(folder) as plain:
            try:
                self._loaded = tf.saved_model.load(plain)  # owns the variables that the functions read
                self.functions = dict(self._loaded.signatures)
                encode = self.functions["encode"]
                _, *images = encode.structured_input_signature[1]["x_rs"].shape
                known, codes = (encode.structured_outputs[name].shape[-1] for name in ("probabilities", "z_s"))
            except (OSError, ValueError, KeyError, IndexError, tf.errors.OpError) as error:
                if system_error(error):  # such as a file that may not be read
                    raise
                raise ValueError(
                    f"{folder} can't be loaded ({type(error).__name__}): it is damaged; copy it again, or export it "
                    "again"
                ) from error
        spec, latent_dim = self.description.spec, self.description.latent_dim
        described = {"structures": len(spec.structures), "x_rs": spec.image_shape, "z_s": latent_dim}
        for name, value in {"structures": known, "x_rs": tuple(images), "z_s": codes}.items():
            if value != described[name]:
                raise ValueError(f"{path} describes {name} as {described[name]}, but the model has {value}")


class Networks:
    """The back end of networks in memory. `functions` are those that an export serves.

    Every input and output has a leading batch axis B. Images are float32 in [0, 1]: x_r (B, ..., R) with the reference
    channels of the spec, x_rs (B, ..., C) with all of them. `y`, `seed` and `draw` are int64 (B,).

    The functions refuse what `Integrator` refuses, see `checks.checked`: a server calls them directly. The methods of
    the same names are what they compute, without the checks, and `inputs` has the tensors that each takes. Methods
    whose names end in `_from` draw from given noise; `noise` makes it of seeds.

    Args:
      spec, mirrored: see `Description`.
      enc_r: x_r -> z_r (B, Z).
      enc_rs: x_rs -> {"y_logits" (B, K), "z_r_hat" (B, Z), "z_s" (B, Z)}.
      dec_rs: {"y" (B, K), "z_r", "z_s"} -> logits of x_rs.
      generators: the `Generators` of phase 3; None: draws are decoded from z_s ~ N(0, I).
      from_targets: see `Description`.
      known: the `Known` of the model; None: `classify` calls no cell unknown.
    """

    def __init__(self, spec, enc_r, enc_rs, dec_rs, mirrored=False, generators=None, from_targets=False, known=None):
        self.enc_r, self.enc_rs, self.dec_rs, self.generators = enc_r, enc_rs, dec_rs, generators
        self.spec, self.structures, self.mirrored = spec, spec.structures, bool(mirrored)
        self.latent_dim = enc_r.output_shape[-1]
        self.known, about = known, known.about if known else None
        settings = self.mirrored, generators is not None, from_targets
        self.description = Description(spec, self.latent_dim, *settings, about)
        shapes = generators.shapes if generators else {Z_S_PRIOR: (self.latent_dim,)}
        self.noise = Noise(len(self.structures), {Z_R_PRIOR: (self.latent_dim,)} | shapes)
        x_r = tf.TensorSpec([None, *spec.reference_shape], tf.float32, name="x_r")
        x_rs = tf.TensorSpec([None, *spec.image_shape], tf.float32, name="x_rs")
        y, seed, draw = (tf.TensorSpec([None], tf.int64, name=name) for name in ("y", "seed", "draw"))
        probabilities = tf.TensorSpec([None, len(self.structures)], tf.float32, name="probabilities")
        z_r, z_s = (tf.TensorSpec([None, self.latent_dim], tf.float32, name=name) for name in ("z_r", "z_s"))
        self.inputs = {
            "integrate": [x_r],
            "integrate_draw": [x_r, seed, draw],
            "draw": [x_r, y, seed, draw],
            "encode_reference": [x_r],
            "encode": [x_rs],
            "classify": [x_rs],
            "reconstruct": [x_rs],
            "decode": [probabilities, z_r, z_s],
            "sample": [y, seed],
        }
        self.functions = {
            name: checked(getattr(self, name), inputs, len(self.structures)) for name, inputs in self.inputs.items()
        }

    @property
    def variables(self):
        """All tf.Variables of the networks."""
        return [variable.value for net in self.networks for variable in net.variables]

    @property
    def networks(self):
        """All networks."""
        return self.enc_r, self.enc_rs, self.dec_rs, *(self.generators.networks if self.generators else ())

    def integrate(self, x_r):
        """Algorithm 3: the typical localization of every structure (B, ..., K) in every cell, with z_s = 0."""
        z_r = self._encode_r(x_r)
        z_s = tf.zeros([tf.shape(z_r)[0], self.latent_dim])
        given_pose = self._decode_all(z_r, z_s)
        structures = self._mean_of_poses(given_pose, x_r, lambda x: self._decode_all(self._encode_r(x), z_s))
        return {"structures": structures, "z_r": z_r, "names": self._names(z_r)}

    def integrate_draw(self, x_r, seed, draw):
        """Draws every structure (B, ..., K) in every cell: draw number `draw` of a seed."""
        return self.integrate_draw_from(x_r, self.noise.integrate_draw(seed, draw))

    def integrate_draw_from(self, x_r, noise):
        """As `integrate_draw`, from its noise."""
        if not self.generators:  # all structures of a cell have one code z_s
            return {
                "structures": self._decode_all(self._encode_r(x_r), noise[Z_S_PRIOR]),
                "names": self._names(x_r),
            }
        k = len(self.structures)
        y = tf.tile(tf.range(k, dtype=tf.int64), [tf.shape(x_r)[0]])
        drawn = self.draw_from(tf.repeat(x_r, k, axis=0), y, self.noise.separated(noise))
        return {"structures": self._of_cells(drawn["structure"]), "names": self._names(x_r)}

    def draw(self, x_r, y, seed, draw):
        """As `integrate_draw`, the structure y alone, (B, ...)."""
        return self.draw_from(x_r, y, self.noise.draw(y, seed, draw))

    def draw_from(self, x_r, y, noise):
        """As `draw`, from its noise."""
        one_hot = tf.one_hot(y, len(self.structures))

        def decoded(x_r, z_s):
            return self.spec.structure(self._decode(one_hot, self._encode_r(x_r), z_s))

        if not self.generators:
            return {"structure": decoded(x_r, noise[Z_S_PRIOR])}
        zeros = tf.zeros([tf.shape(x_r)[0], self.latent_dim])
        return {"structure": self.generators.structure(x_r, lambda x: decoded(x, zeros), y, noise=noise)}

    def encode_reference(self, x_r):
        """Codes of cell and nuclear shape, z_r (B, Z)."""
        return {"z_r": self._encode_r(x_r)}

    def encode(self, x_rs):
        """Probabilities (B, K) and codes z_r, z_s (B, Z) of cells with a structure."""
        probabilities, z_r, z_s = self._encode_rs(x_rs)
        return {"probabilities": probabilities, "z_r": z_r, "z_s": z_s}

    def classify(self, x_rs):
        """Which structure the structure channel shows: probabilities (B, K) and the likeliest's name (B,).

        A model with a `Known` also says how far the cell is from the training cells, and whether it is unknown.
        """
        probabilities, _, _ = self._encode_rs(x_rs)
        structure = tf.gather(tf.constant(self.structures), tf.argmax(probabilities, axis=1))
        unknown = judged(probabilities, self.known) if self.known else {}
        return {"probabilities": probabilities, "structure": structure, "names": self._names(x_rs), **unknown}

    def reconstruct(self, x_rs):
        """Encoded and decoded cells, x_rs_hat (B, ..., C)."""
        return {"x_rs_hat": self._mean_of_poses(self._reconstruct(x_rs), x_rs, self._reconstruct)}

    def decode(self, probabilities, z_r, z_s):
        """Cells x_rs_hat (B, ..., C) at given codes, with structures given as probabilities or one-hot (eq. 12)."""
        return {"x_rs_hat": self._decode(probabilities, z_r, z_s)}

    def sample(self, y, seed):
        """New cells x_rs (B, ..., C) with structure y, from the seed alone: z_r ~ N(0, I), decoded or drawn."""
        return self.sample_from(y, self.noise.sample(y, seed))

    def sample_from(self, y, noise):
        """As `sample`, from its noise."""
        z_r = noise[Z_R_PRIOR]
        if not self.generators:
            z_s = noise[Z_S_PRIOR]
            return {"x_rs": self._decode(tf.one_hot(y, len(self.structures)), z_r, z_s), "z_r": z_r, "z_s": z_s}
        x_r = self.generators.reference(z_r, noise)
        x_s = self.draw_from(x_r, y, noise)["structure"]
        return {"x_rs": tf.concat([x_r, x_s[..., None]], axis=-1), "z_r": self._encode_r(x_r)}

    def _mean_of_poses(self, given_pose, x, function):
        """Returns `given_pose`, which is function(x); for mirrored networks, the mean over the four poses of x."""
        poses = [given_pose]
        for axes in self.spec.mirrored_poses if self.mirrored else ():
            poses.append(tf.reverse(function(tf.reverse(x, axes)), axes))
        return tf.add_n(poses) / len(poses)

    def _encode_r(self, x_r):
        return tf.cast(self.enc_r(x_r, training=False), tf.float32)

    def _encode_rs(self, x_rs):
        outputs = self.enc_rs(x_rs, training=False)
        logits, z_r, z_s = (tf.cast(outputs[name], tf.float32) for name in ("y_logits", "z_r_hat", "z_s"))
        if self.description.from_targets:
            z_r = self._encode_r(self.spec.reference(x_rs))
        return tf.nn.softmax(logits), z_r, z_s

    def _reconstruct(self, x_rs):
        y, z_r, z_s = self._encode_rs(x_rs)
        if self.description.from_targets:
            y = tf.one_hot(tf.argmax(y, axis=1), len(self.structures))
        return self._decode(y, z_r, z_s)

    def _decode(self, y, z_r, z_s):
        return tf.sigmoid(tf.cast(self.dec_rs({"y": y, "z_r": z_r, "z_s": z_s}, training=False), tf.float32))

    def _decode_all(self, z_r, z_s):
        """Decodes every structure of every cell in one pass of B * K images; keeps the structure channel."""
        k = len(self.structures)
        y_onehot = tf.tile(tf.eye(k), [tf.shape(z_r)[0], 1])
        x_hat = self._decode(y_onehot, tf.repeat(z_r, k, axis=0), tf.repeat(z_s, k, axis=0))
        return self._of_cells(self.spec.structure(x_hat))

    def _of_cells(self, images):
        """Puts images of the K structures of each cell, (B * K, ...), beside each other: (B, ..., K)."""
        images = tf.reshape(images, [-1, len(self.structures), *self.spec.shape])
        return tf.transpose(images, [0, *range(2, 2 + self.spec.rank), 1])

    def _names(self, batch_like):
        return tf.tile(tf.constant([self.structures]), [tf.shape(batch_like)[0], 1])

"""Phase 3: draws of new cells' reference channels, and of structures in a cell. Not of the paper: see docs/paper.md."""

import tensorflow as tf

from icell_tf.models import sampling_losses
from icell_tf.models.adversarial_model import AdversarialModel
from icell_tf.networks import noise, poses
from icell_tf.networks.generator import noise_shapes

DRAWS = 2  # of each cell in a step, of which the score is computed
PARTS = 16  # a patch of the score is such a part of the longest side; an image is moved by such a part of each
CONTRAST = 8.0  # times intensities are what the critics see: most of a cell is dim
PENALIZED = 8  # the critic's gradient is penalized for one cell in so many
AVERAGED = 3e-3  # weight of a step in the average of the weights
LATEST = 10  # divided by the step, is that weight early in training, when it is larger: the average then forgets sooner


class SamplerModel(AdversarialModel):
    """Gen_r and Gen_s with their critics, trained on x_rs and y; the networks of the phases before are frozen.

    Gen_r draws the reference channels, given Dec_r's image of z_r. Gen_s draws the structure channel, given the
    reference channels, Algorithm 3's image and y. Each descends a proper score of two draws in the same cell, which
    holds mean and spread of every pixel, and the verdict of a critic, which sees what single pixels don't tell.

    What is random in a step: the generators' noise, z_prior, (B, Z), of the new cells that the critic of the reference
    channels sees, how far images are moved before a critic sees them, and which cells of a square frame are turned.

    Args:
      spec: the `CellSpec` of the cells that the networks are for.
      enc_r, dec_r: the trained networks of phase 1.
      enc, dec: those of phase 2.
      gen_s, gen_r: the generators.
      mean_gen_s, mean_gen_r: equal networks for the average of their weights over the steps. These draw.
      critic_s, critic_r: the critics, of all channels and of the reference channels.
      adversarial_weight: of the critics' verdicts in the generators' objectives; the score's is 1.
      penalty_weight: of the critics' gradients in theirs.
      turned: whether half of the cells of a square frame are mirrored along the diagonal, with the images that are
        given of them. Cells that come mirrored along the axes are then seen in all eight poses.
      seed: as of `AdversarialModel`.
    """

    metric_names = tuple(f"{name}_{part}" for part in "sr" for name in ("score", "passed", "told", "slope", "right"))
    rates, beta_2 = {"critic_s": 2.0, "critic_r": 2.0}, 0.99

    def __init__(
        self,
        spec,
        enc_r,
        dec_r,
        enc,
        dec,
        gen_s,
        gen_r,
        mean_gen_s,
        mean_gen_r,
        critic_s,
        critic_r,
        adversarial_weight=0.00125,
        penalty_weight=0.05,
        turned=False,
        seed=0,
    ):
        super().__init__(spec, seed)
        self.enc_r, self.dec_r, self.enc, self.dec = enc_r, dec_r, enc, dec
        self.gen_s, self.gen_r, self.critic_s, self.critic_r = gen_s, gen_r, critic_s, critic_r
        self.mean_gen_s, self.mean_gen_r = mean_gen_s, mean_gen_r
        for network in (enc_r, dec_r, enc, dec, mean_gen_s, mean_gen_r):
            network.trainable = False
        self.adversarial_weight, self.penalty_weight = adversarial_weight, penalty_weight
        self.turned = turned and poses.has_diagonal(spec)
        self.latent_dim = enc_r.output_shape[-1]
        self.patch = max(spec.shape) // PARTS
        self.margins = tuple(side // PARTS for side in spec.shape)

    @property
    def trained(self):
        return {"gen_s": self.gen_s, "gen_r": self.gen_r, "critic_s": self.critic_s, "critic_r": self.critic_r}

    def draw(self, batch):
        count = tf.shape(batch["x"])[0]
        drawn = {"z_prior": noise.normal([count, self.latent_dim])}
        for name, generator, draws in (("s", self.gen_s, DRAWS), ("r", self.gen_r, DRAWS + 1)):
            shapes = noise_shapes(generator).items()
            drawn[f"noise_{name}"] = {level: noise.normal([draws * count, *shape]) for level, shape in shapes}
            drawn[f"moves_{name}"] = self._draw_moves((draws + 1) * count)
        return drawn | ({"pose": poses.DIAGONAL * noise.integers([count], 2)} if self.turned else {})

    def _draw_moves(self, count):
        """The offsets of `sampling_losses.shifted`, (count, spatial axes): moves along the longest side, scaled."""
        moves = noise.integers([count, self.spec.rank], 2 * self.patch + 1) - self.patch
        return tf.truncatediv(moves * self.margins, self.patch) + self.margins

    def objectives(self, batch, drawn, training):
        """The score and the game of each generator. Without training the averaged weights draw."""
        y = tf.one_hot(batch["structure"], len(self.spec.structures))
        x_r, x_s, typical, encoded, new = self._images(batch["x"], y, drawn)
        played = {
            "s": (x_s, *self._draw_structures(x_r, x_s, typical, y, drawn, training)),
            "r": (x_r, *self._draw_shapes(x_r, encoded, new, drawn, training)),
        }
        objectives, logs = {}, {}
        for name, (x, draws, (passed, told, slope, right)) in played.items():
            score = sampling_losses.draws_score(draws, x, self.patch)
            objectives[f"gen_{name}"] = score + self.adversarial_weight * passed
            objectives[f"critic_{name}"] = told + self.penalty_weight / 2.0 * slope
            values = {"score": score, "passed": passed, "told": told, "slope": slope, "right": right}
            logs |= {f"{metric}_{name}": value for metric, value in values.items()}
        return objectives, logs

    def _images(self, x, y, drawn):
        """Returns x_r, x_s, Algorithm 3's image, and the shapes of z_r and of z_prior, in the poses of this step."""
        z_r = self.enc_r(self.spec.reference(x), training=False)
        images = [x, self.typical(y, z_r), *tf.split(self.shapes(tf.concat([z_r, drawn["z_prior"]], axis=0)), 2)]
        if self.turned:
            images = [poses.turned(image, drawn["pose"], self.spec) for image in images]
        x, *others = images
        return self.spec.reference(x), self.spec.structure(x)[..., None], *others

    def _draw_structures(self, x_r, x_s, typical, y, drawn, training):
        """Returns Gen_s's draws of the structure, (B, ..., 1) each, and its round of the game, as `_play` does."""
        generator = self.gen_s if training else self.mean_gen_s
        given = {"given": tf.concat([x_r, typical], axis=-1), "y": y}
        given = {name: tf.concat([values] * DRAWS, axis=0) for name, values in given.items()}
        draws = tf.split(tf.sigmoid(generator({**given, **drawn["noise_s"]}, training=training)), DRAWS)
        cells = [tf.concat([x_r, one], axis=-1) for one in (*draws, x_s)]
        return draws, self._play(self.critic_s, cells, drawn["moves_s"], channels=1, y=y)

    def _draw_shapes(self, x_r, encoded, new, drawn, training):
        """Returns Gen_r's draws of these cells, (B, ..., R) each, and its round of the game, which new cells join."""
        generator = self.gen_r if training else self.mean_gen_r
        given = tf.concat([encoded] * DRAWS + [new], axis=0)
        draws = tf.split(tf.sigmoid(generator({"given": given, **drawn["noise_r"]}, training=training)), DRAWS + 1)
        return draws[:DRAWS], self._play(self.critic_r, [*draws, x_r], drawn["moves_r"], channels=x_r.shape[-1])

    def typical(self, y, z_r):
        """Algorithm 3's image of the structure. Args: (B, K), (B, Z). Returns: (B, ..., 1) in [0, 1]."""
        logits = self.dec({"y": y, "z_r": z_r, "z_s": tf.zeros_like(z_r)}, training=False)
        return tf.sigmoid(self.spec.structure(logits))[..., None]

    def shapes(self, z_r):
        """Dec_r's image of the reference channels. Args: (B, Z). Returns: (B, ..., R) in [0, 1]."""
        return tf.sigmoid(self.dec_r(z_r, training=False))

    def _play(self, critic, cells, moves, channels, y=None):
        """One round of the game between a generator and its critic.

        Args:
          cells: images (B, ..., C) of the same cells: drawn ones, and last the observed ones.
          moves: how far each is moved, see `sampling_losses.shifted`.
          channels: how many channels, the last, are drawn.
          y: (B, K), for a critic that knows it.

        Returns: (B,) each: the generator's loss, the critic's, the slope that is penalized, how often it was right.
        """
        count, drawn = tf.shape(cells[0])[0], len(cells) - 1
        images = CONTRAST * tf.concat([*map(sampling_losses.as_stored, cells[:-1]), cells[-1]], axis=0)
        images = sampling_losses.shifted(images, moves, self.margins)

        def judge(images, times, classes=y):
            given = {"x": images} if y is None else {"x": images, "y": tf.concat([classes] * times, axis=0)}
            return critic(given, training=True)

        *fakes, real = tf.split(judge(images, drawn + 1), drawn + 1)
        passed = tf.add_n([sampling_losses.relativistic_loss(fake, real) for fake in fakes]) / drawn
        told = tf.add_n([sampling_losses.relativistic_loss(real, fake) for fake in fakes]) / drawn
        right = tf.add_n([tf.cast(real > fake, tf.float32)[:, 0] for fake in fakes]) / drawn
        few = tf.maximum(1, count // PENALIZED)
        first, observed = images[:few], images[-count:][:few]
        slope = sampling_losses.gradient_penalty(
            lambda x: judge(x, 2, None if y is None else y[:few]), tf.concat([first, observed], axis=0), channels
        )
        return passed, told, tf.fill([count], 2.0 * tf.reduce_mean(slope)), right

    def update(self, batch, drawn):
        logs = super().update(batch, drawn)
        share = tf.maximum(AVERAGED, tf.minimum(1.0, LATEST / tf.cast(self.step, tf.float32)))
        for network, mean in ((self.gen_s, self.mean_gen_s), (self.gen_r, self.mean_gen_r)):
            for weight, average in zip(network.weights, mean.weights, strict=True):
                moved = average.value - tf.convert_to_tensor(weight.value)
                tf.raw_ops.ResourceApplyGradientDescent(var=average.value.handle, alpha=share, delta=moved)
        return logs

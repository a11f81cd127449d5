"""Tables S1 to S7, made from the built networks: a row a stage, as the paper prints them."""

import math
from dataclasses import dataclass, field

from icell_tf.networks import standardizations
from icell_tf.reports.exhibit import Exhibit

HEADER = ("layer", "normalization", "activation", "output", "parameters")
# (number, network, title, what the callers apply to the logits)
TABLES = (
    (1, "enc_r", "Encoder of the reference model, Enc_r", ""),
    (2, "dec_r", "Decoder of the reference model, Dec_r", "sigmoid"),
    (3, "enc_d_r", "Latent discriminators, EncD_r and EncD_s", "sigmoid"),
    (4, "dec_d_r", "Image discriminator of the reference model, DecD_r", "sigmoid"),
    (5, "enc_rs", "Encoder of the conditional model, Enc_{r,s}", "{softmax, , }"),
    (6, "dec_rs", "Decoder of the conditional model, Dec_{r,s}", "sigmoid"),
    (7, "dec_d_rs", "Image discriminator of the conditional model, DecD_{r,s}", "softmax"),
)
_NO_ROW = ("InputLayer", "Concatenate", "Flatten", "Softmax", "Standardization")
_STATISTICS = ("moving_mean", "moving_variance")  # weights that no gradient adapts


def tables_of_networks(subject):
    """Returns Tables S1 to S7 of the subject's networks, as its two phases were trained."""
    run, exhibits = subject.run, []
    cells = f"frames of {run.spec.described_shape} px, K = {len(run.spec.structures)} structures"
    for number, symbol, title, activation in TABLES:
        config = run.configs["reference" if symbol.endswith("_r") else "conditional"]
        rows = table_of(subject.networks[symbol], activation)
        after = f" It returns logits, to which {activation.strip('{, }')} is applied." if activation else ""
        caption = (
            f"{title}, layer by layer as it was built: {cells}, networks as in the "
            f"{'paper' if config.architecture == 'paper' else 'released code'}, widths times {config.width:g}.{after} "
            f"n = {rows[-1][-1]} trained parameters; seed {config.seed}; data set {run.dataset}; "
            f"run {subject.name}."
        )
        exhibits.append(Exhibit(f"table_s{number}", title, caption, table=(HEADER, rows), paper=f"Table S{number}"))
    return exhibits


def table_of(network, activation=""):
    """Returns the rows of a network's table: its input, a row for each layer that computes, the total.

    Layers that share an input, the heads of Enc_{r,s}, are one row in braces, as in the paper. Parameters are what
    training adapts, also where a network is frozen by now; BatchNorm's moving statistics are not counted.

    Args:
      network: a Keras functional model.
      activation: what its callers apply to the logits; the last row's.
    """
    stages = _stages(network)
    rows = [("input", "", "", " + ".join(f"{tensor.name} {_shape(tensor)}" for tensor in network.inputs), "")]
    for stage in stages:
        after = _braces(stage.activations) or (activation if stage is stages[-1] else "")
        outputs = _braces([_shape(layer.output) for layer in stage.last])
        texts = _braces([_describe(layer) for layer in stage.layers]), _braces(["BNorm"] * len(stage.norms)), after
        rows.append((*texts, outputs, f"{stage.parameters:,}"))
    return [*rows, ("total", "", "", "", f"{parameters(network):,}")]


def parameters(layer_or_network):
    """Returns the number of weights that training adapts, or adapted before a network was frozen."""
    fitted = {id(w) for layer in standardizations(layer_or_network) for w in layer.weights}
    weights = (w for w in layer_or_network.weights if w.name not in _STATISTICS and id(w) not in fitted)
    return sum(math.prod(w.shape) for w in weights)


@dataclass
class _Stage:
    """A row: layers that compute, side by side where they are heads, and what follows them."""

    layers: list
    norms: list = field(default_factory=list)
    activations: list = field(default_factory=list)
    last: list = field(default_factory=list)  # whose outputs leave the row
    parameters: int = 0


def _stages(network):
    """Returns a network's rows in order. A layer's class says in its name what it is."""
    stages = []
    for layer in network.layers:
        kind = type(layer).__name__
        if kind in _NO_ROW:
            continue
        if "Norm" in kind:
            stages[-1].norms.append(layer)
        elif "ReLU" in kind:
            stages[-1].activations.append("PReLU" if "PReLU" in kind else "leaky ReLU")
        elif kind != "Reshape":
            if stages and stages[-1].layers[0].input is layer.input:
                stages[-1].layers.append(layer)
            else:
                stages.append(_Stage([layer]))
        stage = stages[-1]
        stage.last = (stage.norms if "Norm" in kind else stage.layers) if len(stage.layers) > 1 else [layer]
        stage.parameters += parameters(layer)
    return stages


def _describe(layer):
    """What a layer does, as the paper's tables write it."""
    kind = type(layer).__name__
    if "Conv" in kind:
        size = "×".join(map(str, layer.kernel_size))
        strides = "" if len(set(layer.strides)) == 1 else f", strides {'×'.join(map(str, layer.strides))}"
        return f"{size} {layer.filters} conv {'↑' if 'Transpose' in kind else '↓'}{strides}"
    if "Dense" in kind:
        return f"{layer.units} FC"
    if "Noise" in kind:
        return f"+ white noise σ = {layer.stddev:g}"
    if kind.startswith("GlobalAveragePooling"):
        return "mean over space"
    return {"LogProbability": "log y, at least -25"}.get(kind, kind)


def _shape(tensor):
    """A shape without its batch axis: 4×4×1024."""
    return "×".join(map(str, tensor.shape[1:]))


def _braces(texts):
    """One text as it is, several as the paper writes heads: {a, b, c}."""
    return "".join(texts) if len(texts) < 2 else "{" + ", ".join(texts) + "}"

"""Scores of the codes: do they follow their prior N(0, I), and what does each dimension tell the decoder?"""

from functools import partial

import numpy as np
from scipy import stats

from icell_tf.evaluation import views
from icell_tf.evaluation.metrics.distances import PERMUTATIONS, mmd_test
from icell_tf.evaluation.metrics.scores import Score, bootstrap
from icell_tf.spec import REFERENCE, STRUCTURE, image_axes, spatial_axes

CODES = 200  # of each sample in the test by maximum mean discrepancy
DRAWS = 20
REPEATED_PERMUTATIONS = 199
LEVEL = 0.05
PROBED = 50  # cells whose reconstructions without single dimensions are measured
USED = 0.01  # of what the whole code tells; the variance doesn't say, as BatchNorm keeps that of each dimension near 1


def encode_posed(integrator, cells, seed=0):
    """Encodes cells in the poses of training: as prepared, or mirrored at random for a model that was trained so.

    Args: `Integrator`; `CodedCells`; seed of the poses. Returns: {"z_r", "z_s": (N, Z)}.
    """
    if not integrator.mirrored:
        return {"z_r": cells.z_r, "z_s": cells.z_s}
    posed, rng = {"z_r": [], "z_s": []}, np.random.default_rng(seed)
    for rows in cells.batches():
        x = cells.x(rows)
        x = views.mirrored(x, views.draw_poses(len(x), rng), cells.spec.mirrored_axes)
        posed["z_r"].append(integrator.encode_reference(cells.spec.reference(x))["z_r"])
        posed["z_s"].append(integrator.encode(x)["z_s"])
    return {name: np.concatenate(parts) for name, parts in posed.items()}


def prior_scores(codes, others=None, seed=0):
    """Returns the `Score`s of how well z_r and z_s follow their prior. A single cell has none.

    Args:
      codes: {"z_r", "z_s": (N, Z)}, in the poses in which they should follow it: those of training, see `encode_posed`,
        and z_s that is standardized as prepared.
      others: {"z_r", "z_s": (pose, (N, Z))}, the same cells' codes in another pose, for comparison, if there is one.
      seed: of the prior's draws and of the permutations.
    """
    names = ("z_r", "z_s") if len(codes["z_r"]) > 1 else ()
    return [score for name in names for score in _prior_scores_of(name, codes[name], (others or {}).get(name), seed)]


def _prior_scores_of(name, z, other, seed):
    n, dims = z.shape
    rng = np.random.default_rng(seed)
    squared, p = _mmd(z, rng)
    repeated = np.array([_mmd(z, rng, REPEATED_PERMUTATIONS)[1] for _ in range(DRAWS)])
    prior = [rng.standard_normal((n, dims)) for _ in range(DRAWS)]
    kolmogorov, count = dimension_table(z), min(n, CODES)
    largest = float(np.mean([dimension_table(z)["ks_statistic"].max() for z in prior]))
    error = float(np.mean([covariance_error(z) for z in prior]))
    landmarks = {}
    if other:
        pose, others = other
        landmarks[f"p in {pose}"] = _mmd(others, np.random.default_rng(seed))[1]
    follow, drawn = "codes that follow the prior", "draws of the prior"
    rejected, rejected_dimensions = float(np.mean(repeated <= LEVEL)), int(np.sum(holm(kolmogorov["ks_p"]) <= LEVEL))
    about_p = (
        f"p value of a permutation test by maximum mean discrepancy, {count} codes and as many draws of the prior; "
        f"MMD² {squared:.4f}"
    )
    about_rejected = (
        f"of {DRAWS} such tests on other codes of these and other draws, those with p <= {LEVEL}; median p "
        f"{np.median(repeated):.3f}"
    )
    about_dimensions = (
        f"of {dims} dimensions, those that a Kolmogorov-Smirnov test tells from N(0, 1) (5%, Holm's correction)"
    )
    about_largest = "largest distance of a dimension's distribution function from that of N(0, 1)"
    about_error = "Frobenius norm of the codes' covariance minus the identity"
    score = partial(Score, unit="codes", code=name)
    lower = partial(score, better="lower")
    of_tests = {"unit": "tests"}  # without an interval: the tests aren't independent, because the same cells recur
    farthest = kolmogorov["ks_statistic"].max()
    return [
        score("mmd_p", p, count, rivals={"level of the test": LEVEL}, landmarks=landmarks, about=about_p),
        lower("mmd_rejected", rejected, DRAWS, rivals={follow: LEVEL}, about=about_rejected, **of_tests),
        lower("ks_rejected", rejected_dimensions, n, rivals={follow: 0}, about=about_dimensions),
        lower("ks_largest", farthest, n, landmarks={drawn: largest}, about=about_largest),
        lower("covariance_error", covariance_error(z), n, landmarks={drawn: error}, about=about_error),
    ]


def _mmd(z, rng, permutations=PERMUTATIONS):
    count = min(len(z), CODES)
    return mmd_test(rng.permutation(z)[:count], rng.standard_normal((count, z.shape[-1])), rng, permutations)


def covariance_error(z):
    """Returns |C - I| (Frobenius) of codes (N, Z)."""
    return float(np.linalg.norm(np.cov(z, rowvar=False) - np.eye(z.shape[-1])))


def holm(p):
    """Returns p values corrected for their number, Holm 1979. Args: (D,). Returns: (D,) in [0, 1]."""
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1)
    return result


def dimension_table(z):
    """Returns {"mean", "std", "ks_statistic", "ks_p": (Z,)} of codes (N, Z) compared with N(0, 1)."""
    tests = stats.kstest(z, "norm", axis=0)
    return {"mean": z.mean(axis=0), "std": z.std(axis=0), "ks_statistic": tests.statistic, "ks_p": tests.pvalue}


def information(dec_rs, cells, probed=PROBED):
    """Measures what reconstruction loses if a dimension, or all, are set to 0, the mean of the prior.

    Args:
      dec_rs: the decoder, {"y" (B, K), "z_r" (B, Z), "z_s" (B, Z)} -> logits (B, *shape, C).
      cells: `CodedCells`; evenly spaced ones of them are decoded, from y, z_r_hat and z_s.
      probed: how many, P.

    Returns: increases of binary cross-entropy for each cell and channel: {"z_r": (Z, P, C), "z_s": (Z, P, C)} without
    one dimension, {"all z_r", "all z_s", "both": (P, C)} without a code or both. Those of single dimensions need not
    add up to that of the code.
    """
    chosen = np.unique(np.linspace(0, len(cells) - 1, min(probed, len(cells))).astype(int))
    parts = [_information(dec_rs, cells, chosen[part]) for part in views.batches(len(chosen), cells.spec)]
    return {name: np.concatenate([part[name] for part in parts], axis=-2) for name in parts[0]}


def _information(dec_rs, cells, rows):
    y_onehot = np.eye(cells.probabilities.shape[-1], dtype=np.float32)[cells.y[rows]]
    z_r, z_s, x = cells.z_r_hat[rows], cells.z_s[rows], cells.x(rows)

    def loss(z_r, z_s):
        logits = dec_rs({"y": y_onehot, "z_r": z_r, "z_s": z_s}, training=False).numpy()
        return (np.logaddexp(0, logits) - x * logits).mean(axis=spatial_axes(x))

    with_all, without = loss(z_r, z_s), 1 - np.eye(z_r.shape[-1], dtype=np.float32)
    return {
        "z_r": np.stack([loss(z_r * kept, z_s) for kept in without]) - with_all,
        "z_s": np.stack([loss(z_r, z_s * kept) for kept in without]) - with_all,
        "all z_r": loss(z_r * 0, z_s) - with_all,
        "all z_s": loss(z_r, z_s * 0) - with_all,
        "both": loss(z_r * 0, z_s * 0) - with_all,
    }


def shares(lost, name):
    """Returns the share of each dimension of a code in what both codes tell the decoder, (Z,).

    Args: as of `information`; "z_r" or "z_s".
    """
    return lost[name].mean(axis=image_axes(lost[name])) / lost["both"].mean()


def information_scores(lost, spec, seed=0):
    """Returns the `Score`s of how much z_r and z_s tell, and in how many dimensions.

    Args: as of `information`; the cells' `CellSpec`; seed of the resampling.
    """
    n, scores = len(lost["both"]), []
    for name in ("z_r", "z_s"):
        share, used = shares(lost, name), int(np.sum(_used(lost[name], lost[f"all {name}"])))
        about = (
            f"dimensions of {name} without which reconstruction loses at least {USED:.0%} of what it loses without all "
            "of it, and more than two standard errors over the cells; most, of what it loses without z_r and z_s: "
            f"{share.max():.1%}, dimension {share.argmax() + 1}"
        )
        scores.append(Score("dimensions_used", used, n, landmarks={"all": len(share)}, about=about, code=name))
    of_channels = {STRUCTURE: spec.structure, REFERENCE: lambda values: spec.reference(values).mean(axis=1)}
    for name, of in (("z_r", STRUCTURE), ("z_s", STRUCTURE), ("z_s", REFERENCE)):
        without_it, without_both = (of_channels[of](lost[key]) for key in (f"all {name}", "both"))
        interval = bootstrap([without_it, without_both], _ratio, seed, paired=True)
        fields = {"better": "lower" if of == REFERENCE else "higher", "code": name}
        fields["about"] = f"part of what z_r and z_s tell the decoder about the {of} that it loses without {name}"
        scores.append(Score(f"share_of_{of}", float(_ratio(without_it, without_both)), n, interval, **fields))
    return scores


def _used(of_dimensions, of_code):
    """Which dimensions tell the decoder something, (Z,) bool. Args: (Z, P, C) and (P, C), as of `information`."""
    by_cell = of_dimensions.mean(axis=-1)
    mean, error = by_cell.mean(axis=1), by_cell.std(axis=1, ddof=1) / np.sqrt(len(of_code))
    return (mean > 2 * error) & (mean >= USED * of_code.mean())


def _ratio(part, whole, axis=0):
    """The ratio of two sums; NaN for codes that tell the decoder nothing, which have no shares."""
    part, whole = part.sum(axis=axis), whole.sum(axis=axis)
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)


def tables(posed, lost):
    """Returns {"z_r", "z_s": `dimension_table`, with "share"}. Args: of `encode_posed`; of `information`."""
    return {name: dimension_table(z) | {"share": shares(lost, name)} for name, z in posed.items()}

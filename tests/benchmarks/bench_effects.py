"""How often effects are found in simulated experiments, with none to find and with some.

    python tests/benchmarks/bench_effects.py         # 4,000 experiments a row: eleven minutes
    python tests/benchmarks/bench_effects.py 200     # fewer of them

An experiment is a 2 × 2 design as `analysis.statistics.factorial` takes it: the queries and debate
clusters of the real validation split, with answers that are related as those of version 0.1's runs
are. A latent normal value for each answer adds up what its query, its query and seed, its query and
cell, and nothing else share; a part of each is common to the cluster. The query is answered where
the value exceeds a threshold, which differs between runs by their luck.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
from aligned import table
from scipy.special import ndtri
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# The root must be on the path first.
from analysis.statistics.effects import effects, holm  # noqa: E402
from analysis.statistics.factorial import CONTRASTS  # noqa: E402

EXPERIMENTS = 4_000
SEEDS = (3, 5, 10)
ANSWERED = (0.18, 0.50)
#: Standard deviation of the share that a run answers, in points: by luck of its own, and by luck
#: that the runs of a seed share where they are alike in LayerNorm, as those of the published study.
SPREADS = ((0, 0), (0.5, 0), (1, 0), (0, 1))
#: Sizes of effects, in points.
POINTS = (1, 2, 3)

#: Queries of a cluster → clusters of that size: 164 of 1,287 queries, as on validation.
SIZES = {4: 2, 5: 2, 6: 49, 7: 32, 8: 39, 9: 12, 10: 16, 12: 5, 14: 4, 16: 1, 18: 1, 21: 1}
CLUSTERS = np.repeat(np.arange(sum(SIZES.values())), np.repeat([*SIZES], [*SIZES.values()]))

#: Shares of the latent variance, for the cells neither, ReLU, LayerNorm, both. They were chosen so
#: that the correlations that `describe` prints are those of version 0.1's runs.
QUERY, QUERY_AND_CELL = 0.85, 0.007
QUERY_AND_SEED = np.array([0.1305, 0.1305, 0.083, 0.083])
REST = 1 - QUERY - QUERY_AND_CELL - QUERY_AND_SEED
#: What of its own share, and of the others, the queries of a cluster have in common.
QUERY_IN_COMMON, OTHERS_IN_COMMON = 0.20, 0.10


def normal(rng: np.random.Generator, *shape: int, common: float = OTHERS_IN_COMMON) -> np.ndarray:
    """Standard normal values, [..., Q]; clusters have this share of their variance in common."""
    own = rng.standard_normal((*shape, len(CLUSTERS)), dtype=np.float32)
    theirs = rng.standard_normal((*shape, CLUSTERS[-1] + 1), dtype=np.float32)
    own *= np.float32(np.sqrt(1 - common))
    theirs *= np.float32(np.sqrt(common))
    own += theirs[..., CLUSTERS]
    return own


def latent(rng: np.random.Generator, seeds: int) -> np.ndarray:
    """The standard normal value of each answer, [4, S, Q]."""

    def root(shares: float | np.ndarray) -> np.ndarray:
        return np.sqrt(np.broadcast_to(shares, 4), dtype=np.float32)[:, None, None]

    values = root(REST) * normal(rng, 4, seeds)
    values += root(QUERY_AND_SEED) * normal(rng, seeds)
    values += root(QUERY_AND_CELL) * normal(rng, 4, 1)
    values += root(QUERY) * normal(rng, common=QUERY_IN_COMMON)
    return values


def answers(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Whether each query is answered, [4, S, Q], where runs answer these shares, [4, S]."""
    thresholds = -ndtri(shares.clip(0.001, 0.999))
    return values > thresholds[..., None].astype(np.float32)


def simulate(
    rng: np.random.Generator, answered: float, spread: tuple[float, float], seeds: int
) -> np.ndarray:
    """p of the three effects in each experiment, raw and after Holm: [1 + 3 · 3, 2, 3].

    The first experiment has no effect; then each effect alone is there with each of POINTS. All
    have their luck in common, which makes their rates comparable and saves time.
    """
    values = latent(rng, seeds)
    own, shared = rng.standard_normal((4, seeds)), rng.standard_normal((2, seeds))
    luck = spread[0] * own + spread[1] * shared.repeat(2, axis=0)
    base = answered + luck / 100
    weights = np.array([*CONTRASTS.values()])
    of_one_point = weights / (weights**2).sum(axis=1, keepdims=True) / 100
    shifts = [np.zeros(4), *(points * shift for shift in of_one_point for points in POINTS)]
    rows = []
    for shift in shifts:
        hits = answers(values, base + shift[:, None])
        p = [effect.p for effect in effects(CONTRASTS, hits, CLUSTERS)]
        rows.append((p, holm(p)))
    return np.array(rows)


def describe(answered: float, experiments: int) -> str:
    """How simulated answers are related, to be held against version 0.1's runs."""
    rng = np.random.default_rng(0)
    apart, together, design, errors = [], [], [], []
    for _ in range(experiments):
        hits = answers(latent(rng, 3), np.full((4, 3), answered))
        related = np.corrcoef(hits.reshape(12, -1)).reshape(4, 3, 4, 3)
        apart.append(np.mean([related[c, s, c, s - 1] for c in range(4) for s in range(3)]))
        together.append(np.mean([related[:, s, :, s][np.triu_indices(4, 1)] for s in range(3)], 0))
        for values in (hits[0, 0], hits[2:].mean((0, 1)) - hits[:2].mean((0, 1))):
            left = values - values.mean()
            design.append((np.bincount(CLUSTERS, left) ** 2).sum() / (left**2).sum())
        errors.append([100 * effect.se for effect in effects(CONTRASTS, hits, CLUSTERS)])
    pairs = np.mean(together, axis=0)
    of_top1, of_layernorm = np.reshape(design, (-1, 2)).mean(axis=0)
    layernorm, relu, interaction = np.mean(errors, axis=0)
    return (
        f"{answered:.0%} answered: correlation across seeds {np.mean(apart):.2f}, within a seed "
        f"{pairs.min():.2f} to {pairs.max():.2f}; design effect of top-1 {of_top1:.2f}, of "
        f"LayerNorm {of_layernorm:.2f}; standard error with 3 seeds {layernorm:.2f}, {relu:.2f}, "
        f"{interaction:.2f} points"
    )


def false_positives(p: np.ndarray) -> list[str]:
    """Percent of experiments without effects, p of [N, 10, 2, 3], that find each, and any."""
    raw, corrected = 100 * (p[:, 0] < 0.05).transpose(1, 0, 2)
    return [f"{rate:.1f}" for rate in (*raw.mean(axis=0), corrected.max(axis=1).mean())]


def power(p: np.ndarray) -> list[str]:
    """Percent of experiments that find the effect which is there, raw and after Holm."""
    rates = 100 * (p[:, 1:] < 0.05).mean(axis=0).reshape(len(CONTRASTS), len(POINTS), 2, -1)
    return [
        " / ".join(f"{rate:.0f}" for rate in rates[effect, :, corrected, effect])
        for corrected in (0, 1)
        for effect in range(len(CONTRASTS))
    ]


def main() -> None:
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    queries, clusters = len(CLUSTERS), CLUSTERS[-1] + 1
    print(f"{queries:,} queries in {clusters} clusters; {experiments:,} experiments a row")
    for answered in ANSWERED:
        print(describe(answered, min(experiments, 300)))
    kinds = [*itertools.product(ANSWERED, SPREADS, SEEDS)]
    false, found = [], []
    with tqdm(total=len(kinds) * experiments, unit="experiment", leave=False) as bar:
        for answered, spread, seeds in kinds:
            number = SPREADS.index(spread)
            rng = np.random.default_rng([round(100 * answered), number, seeds])
            p = np.empty((experiments, 1 + len(CONTRASTS) * len(POINTS), 2, len(CONTRASTS)))
            for place in range(experiments):
                p[place] = simulate(rng, answered, spread, seeds)
                bar.update()
            own, shared = spread
            kind = [f"{answered:.0%}", f"{own:g}, shared {shared:g}", f"{seeds}"]
            false.append(kind + false_positives(p))
            found.append(kind + power(p))
    names = [*CONTRASTS]
    kind = ["answered", "spread of a run", "seeds"]
    print(table("False positives, in percent", [*kind, *names, "any, after Holm"], false))
    after_holm = [f"{name}, after Holm" for name in names]
    print(table("Power for 1 / 2 / 3 points, in percent", [*kind, *names, *after_holm], found))


if __name__ == "__main__":
    main()

"""How often curve checks find a fall in simulated runs, where there is none and where there is one.

    python tests/benchmarks/bench_curve_checks.py         # 2,000 runs a row: a minute
    python tests/benchmarks/bench_curve_checks.py 100     # fewer of them

Validation has the points of the real split and about the top-1 of version 0.1's runs, with normal
noise that neighbouring evaluations have in part in common: the correlation. Training rises
throughout, so that it excuses no fall.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import polars as pl
from aligned import table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# The root must be on the path first.
from analysis.schema import METRICS, RUNS  # noqa: E402
from analysis.statistics import curve_checks  # noqa: E402

RUNS_A_ROW = 2_000
POINTS = 1_287
SHARE = 0.18
CORRELATIONS = (0, 0.3)
NOTES = ("over-fitting", "below start")

#: Epochs of flat curves, and standard deviations of the noise in points.
FLAT = (3, 4, 6, 7, 10, 15, 23, 30, 50, 100, 200)
FLAT_NOISE = (0.3, 1, 2)
#: Epochs of the climb before a fall of five points over ten epochs.
CLIMBS = (5, 10, 20, 40, 90, 190)
#: Points that are lost, in equal steps over this many epochs from the start.
LOST, OVER = (5, 8), (3, 10)
CLEAR_NOISE = (0.5, 1)


def noise(rng: np.random.Generator, runs: int, length: int, correlation: float) -> np.ndarray:
    """Normal values of unit variance, [runs, length], correlated from one to the next."""
    values = rng.standard_normal((runs, length))
    for place in range(1, length):
        values[:, place] *= np.sqrt(1 - correlation**2)
        values[:, place] += correlation * values[:, place - 1]
    return values


def climb_and_fall(climb: int) -> np.ndarray:
    """A curve that climbs by 15 points ever more slowly, then falls by five over ten epochs."""
    up = 0.15 * (1 - np.exp(-5 * np.arange(climb + 1) / climb))
    return SHARE - 0.15 + np.append(up, up[-1] - 0.005 * np.arange(1, 11))


def noted(rng: np.random.Generator, curve: np.ndarray, sd: float, correlation: float, runs: int):
    """Percent of runs with each of NOTES, where validation is `curve` with noise."""
    validation = curve + sd / 100 * noise(rng, runs, len(curve), correlation)
    shares = (validation * POINTS).round() / POINTS
    training = np.broadcast_to(np.linspace(0.2, 0.9, len(curve)), shares.shape)
    names = np.array([f"run {number}" for number in range(runs)])
    metrics = pl.concat(
        pl.DataFrame(
            {
                "run_id": names.repeat(len(curve)),
                "epoch": np.tile(np.arange(len(curve)), runs),
                "value": values.ravel(),
            }
        ).with_columns(
            event=pl.lit("eval"), step=None, split=pl.lit(split), metric=pl.lit("top1"), n=POINTS
        )
        for split, values in (("training", training), ("validation", shares))
    ).select(pl.col(name).cast(kind) for name, kind in METRICS.items())
    described = pl.DataFrame({"run_id": names}).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in RUNS.items() if name != "run_id"
    )
    found = curve_checks.check(described, metrics)["note"].to_list()
    return [100 * found.count(note) / runs for note in NOTES]


def rates_table(title: str, of: str, curves: dict[str, np.ndarray], noises, runs: int) -> str:
    """A table in Markdown: a row a curve and noise, each note's percent at each correlation."""
    heads = [of, "noise", *(f"{note}, {c}" for note in NOTES for c in CORRELATIONS)]
    lines = []
    for (name, curve), sd in itertools.product(curves.items(), noises):
        rates = [
            noted(np.random.default_rng(place), curve, sd, correlation, runs)
            for place, correlation in enumerate(CORRELATIONS)
        ]
        by_note = np.transpose(rates).ravel()
        lines.append([name, f"{sd:g} points", *(f"{rate:.1f}" for rate in by_note)])
    return table(title, heads, lines)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS_A_ROW
    print(f"{runs:,} runs a row; percent of them that are noted, by correlation of the noise")
    flat = {f"{epochs}": np.full(epochs + 1, SHARE) for epochs in FLAT}
    print(rates_table(f"False alarms: flat at {SHARE:.0%}", "epochs", flat, FLAT_NOISE, runs))
    fallen = {f"{climb} + 10": climb_and_fall(climb) for climb in CLIMBS}
    print(
        rates_table("Over-fitting: five points in ten epochs", "epochs", fallen, CLEAR_NOISE, runs)
    )
    lost = {
        f"{points} in {epochs}": np.linspace(SHARE, SHARE - points / 100, epochs + 1)
        for points, epochs in itertools.product(LOST, OVER)
    }
    print(rates_table("Below start: points lost in epochs", "points", lost, CLEAR_NOISE, runs))


if __name__ == "__main__":
    main()

"""Is the difference between two configurations more than luck? One sentence a comparison.

Every pair of configurations of one format is compared on validation (best top-1), on test (top-1
at that epoch) and on speed (epochs to 95 % of the own best). Legacy figures measure something else
than those of the run logs, so the two formats never meet.

The evidence is the best that the logs hold:

query       both have per-query outcomes for shared seeds: McNemar's exact test between the two runs
            of each seed. A configuration is better where it is so in *every* shared seed: p is the
            largest of the seeds' (an intersection–union test), 1 where the seeds disagree.
seeds       at least two shared seeds: the paired bootstrap over them. With few seeds a bootstrap
            is too sure of itself (three differences of one sign come by chance once in four, yet no
            resample of them crosses zero), so Student's paired t test is computed beside it, and
            the more careful of the two gives p and the interval.
intervals   else, Wilson's intervals of the two shares: p is the level at which they just touch.
            Both runs answer the same points, which this ignores, so it errs on the side of caution;
            what another seed would have given it cannot know.

Holm's correction is over one family a format: all its comparisons on validation and test; those of
speed are a family of their own. A difference is shown where the corrected p is below 5 %.
"""

from itertools import combinations
from typing import Any, NamedTuple

import polars as pl

from analysis.statistics import configurations, pairing

LEVEL = 0.05
RESAMPLES = 10_000
RANDOM_SEED = 0

#: Configurations of one format that are compared, best validation top-1 first: beyond this the
#: pairs are too many to read, Holm's correction leaves little to show, and colours run out.
MOST_COMPARED = 7

#: Shared seeds from which a bootstrap over seeds needs no remark.
ENOUGH = 6

NOTHING = "No two configurations of one format: there is nothing to compare."

#: What is compared: the measure of `measures.per_run` and the split it is a share of, if any.
ASPECTS = {
    "validation": ("best_validation", "validation"),
    "test": ("test_at_best", "test"),
    "speed": ("epochs_to_95", None),
}

#: One row a pair of configurations of one format and aspect.
VERDICTS = {
    "format": pl.String,
    "aspect": pl.String,  # 'validation', 'test' or 'speed'
    "first": pl.String,  # configuration
    "second": pl.String,
    "method": pl.String,  # 'query', 'seeds', 'intervals'; null: nothing to test with
    "seeds": pl.Int64,  # shared seeds behind the evidence; null without pairing
    "first_value": pl.Float64,  # a share, or epochs for 'speed'; null where a log holds none
    "second_value": pl.Float64,
    "low": pl.Float64,  # 95 % interval of first − second, before Holm; for 'seeds' alone
    "high": pl.Float64,
    "p": pl.Float64,  # null: not tested
    "p_holm": pl.Float64,
    "family": pl.Int64,  # comparisons that Holm's correction is over
    "sentence": pl.String,
}


class Evidence(NamedTuple):
    """What one method finds for one pair: VERDICTS from `method` to `p`."""

    method: str | None
    seeds: int | None
    first_value: float | None
    second_value: float | None
    low: float | None
    high: float | None
    p: float | None


def verdicts(runs: pl.DataFrame, by_run: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Compare configurations pairwise: columns VERDICTS.

    `runs`: columns RUNS. `by_run`: the table of `measures.per_run`. `outcomes`: of PREDICTIONS the
    columns run_id, split, pair_id and hit.
    """
    counted = by_run.filter("counted")
    rows = []
    for (format_,), ours in counted.group_by("format", maintain_order=True):
        for first, second in combinations(compared(ours), 2):
            one, other = (ours.filter(pl.col("configuration") == name) for name in (first, second))
            for aspect in ASPECTS:
                rows.append(
                    (format_, aspect, first, second, *_evidence(one, other, aspect, outcomes))
                )
    measured = {
        name: VERDICTS[name] for name in VERDICTS if name not in ("p_holm", "family", "sentence")
    }
    table = _holm(pl.DataFrame(rows, schema=measured, orient="row"))
    varying = _settings(runs)
    sentences = [_sentence(row, varying) for row in table.iter_rows(named=True)]
    return table.with_columns(pl.Series("sentence", sentences, dtype=pl.String))


def compared(by_run: pl.DataFrame) -> list[str]:
    """The configurations to compare: of each format the best, up to `MOST_COMPARED`, best first."""
    return (
        by_run.filter("counted")
        .group_by("format", "configuration")
        .agg(pl.col("best_validation").mean())
        .sort("best_validation", "configuration", descending=[True, False], nulls_last=True)
        .filter(pl.int_range(pl.len()).over("format") < MOST_COMPARED)["configuration"]
        .to_list()
    )


def text(table: pl.DataFrame, by_run: pl.DataFrame) -> str:
    """All sentences and remarks, a line each."""
    lines = table["sentence"].to_list() or [NOTHING]
    return "\n".join([*lines, *remarks(table, by_run), ""])


def remarks(table: pl.DataFrame, by_run: pl.DataFrame) -> list[str]:
    """What a reader of these verdicts must know: how they were reached, what they cannot show."""
    families = (
        table.drop_nulls("p")
        .select(
            pl.col("format"),
            pl.when(pl.col("aspect") == "speed").then(pl.lit("speed")).otherwise(pl.lit("top-1")),
            pl.col("family"),
        )
        .unique(maintain_order=True)
    )
    found = [
        f"Holm's correction ({format_}, {aspects}) is over {size} comparisons; a difference is "
        f"shown where the corrected p is below {LEVEL:g}."
        for format_, aspects, size in families.iter_rows()
    ]
    if (table["method"] == "seeds").any():
        found.append(
            f"The paired bootstrap takes {RESAMPLES:,} resamples (random seed {RANDOM_SEED}); p "
            "and the 95 % interval (uncorrected) are the more careful of the bootstrap's and the "
            "paired t test's, because a bootstrap over few seeds is too sure of itself."
        )
    few = table.filter((pl.col("method") == "seeds") & (pl.col("seeds") < ENOUGH))
    if few.height:
        found.append(
            f"With {_least(few, 'seeds')} shared seeds only a difference that is large against its "
            f"spread over seeds can show; {ENOUGH} or more say more."
        )
    if (table["method"] == "intervals").any():
        found.append(
            "Overlap of intervals takes one run for its configuration: it covers the luck of the "
            "points drawn, not that of the seed."
        )
    counted = by_run.filter("counted")
    for (format_,), ours in counted.group_by("format", maintain_order=True):
        if (number := ours["configuration"].n_unique()) > MOST_COMPARED:
            found.append(
                f"Of {number:,} configurations ({format_}) the {MOST_COMPARED} with the highest "
                "validation top-1 are compared."
            )
    return found


def _evidence(
    one: pl.DataFrame, other: pl.DataFrame, aspect: str, outcomes: pl.DataFrame
) -> Evidence:
    """The strongest evidence that the logs hold on two configurations' runs."""
    measure, split = ASPECTS[aspect]
    return (
        (_by_query(one, other, split, outcomes) if split else None)
        or _by_seeds(one, other, measure, split)
        or (_by_intervals(one, other, measure, split) if split else None)
        or Evidence(None, None, _mean(one, measure), _mean(other, measure), None, None, None)
    )


def _by_query(
    one: pl.DataFrame, other: pl.DataFrame, split: str, outcomes: pl.DataFrame
) -> Evidence | None:
    """McNemar's exact test in each shared seed; None where no shared seed has outcomes."""
    ours = outcomes.filter(pl.col("split") == split).select("run_id", "split", "pair_id", "hit")
    paired = pairing.paired(ours, one, other)
    if paired.is_empty():
        return None
    # Only where it is used: it takes longer to import than most logs to read.
    from statsmodels.stats.contingency_tables import mcnemar

    hit, other_hit = pl.col("hit"), pl.col("hit_other")
    by_seed = paired.group_by("seed").agg(
        hit.mean(),
        other_hit.mean(),
        gained=(hit & ~other_hit).sum().cast(pl.Int64),
        lost=(other_hit & ~hit).sum().cast(pl.Int64),
    )
    p = max(
        float(mcnemar([[0, gained], [lost, 0]], exact=True).pvalue)
        for gained, lost in by_seed.select("gained", "lost").iter_rows()
    )
    agree = (by_seed["gained"] > by_seed["lost"]).n_unique() == 1
    first, second = _mean(by_seed, "hit"), _mean(by_seed, "hit_other")
    return Evidence("query", by_seed.height, first, second, None, None, p if agree else 1.0)


def _by_seeds(
    one: pl.DataFrame, other: pl.DataFrame, measure: str, split: str | None
) -> Evidence | None:
    """The paired bootstrap over shared seeds, held to the paired t test; None below two seeds."""
    import numpy as np
    from scipy.special import stdtr, stdtrit

    paired = one.join(other, on="seed").drop_nulls([measure, f"{measure}_right"])
    # A figure moves in steps: one point of the split, or one epoch. Seeds that agree more closely
    # than that do so by rounding, which must not pass for a spread of zero.
    n = _least(paired, f"n_{split}") if split else 1
    if paired.height < 2 or not n:
        return None
    difference = (paired[measure] - paired[f"{measure}_right"]).to_numpy().astype(float)
    count, mean = len(difference), difference.mean()
    resampled = np.random.default_rng(RANDOM_SEED).choice(difference, (RESAMPLES, count))
    means = resampled.mean(axis=1)
    beyond = min(np.sum(means <= 0), np.sum(means >= 0))
    by_bootstrap = min(1.0, 2 * (beyond + 1) / (RESAMPLES + 1))
    error = max(difference.std(ddof=1), 1 / n) / np.sqrt(count)
    by_t = 2 * stdtr(count - 1, -abs(mean) / error)
    half = error * stdtrit(count - 1, 1 - LEVEL / 2)
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2])
    return Evidence(
        "seeds",
        count,
        _mean(paired, measure),
        _mean(paired, f"{measure}_right"),
        float(min(low, mean - half)),
        float(max(high, mean + half)),
        float(max(by_bootstrap, by_t)),
    )


def _by_intervals(
    one: pl.DataFrame, other: pl.DataFrame, measure: str, split: str
) -> Evidence | None:
    """The level at which Wilson's intervals of the two mean shares touch; None without `n`.

    The interval at z ends where |share − x| = z √(x (1 − x) / n). Two of them meet at the same z
    in x = (√n₁ share₁ + √n₂ share₂) / (√n₁ + √n₂).
    """
    from scipy.special import ndtr

    share, other_share = _mean(one, measure), _mean(other, measure)
    n, other_n = _least(one, f"n_{split}"), _least(other, f"n_{split}")
    if share is None or other_share is None or not n or not other_n:
        return None
    root, other_root = n**0.5, other_n**0.5
    touch = (root * share + other_root * other_share) / (root + other_root)
    spread = (touch * (1 - touch)) ** 0.5
    z = abs(share - touch) * root / spread if spread else 0.0
    return Evidence("intervals", None, share, other_share, None, None, float(2 * ndtr(-z)))


def _mean(table: pl.DataFrame, column: str) -> float | None:
    return table.select(pl.col(column).cast(pl.Float64).mean()).item()


def _least(table: pl.DataFrame, column: str) -> int | None:
    return table.select(pl.col(column).min()).item()


def _holm(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with p_holm and family: Holm (1979), within a format, speed apart from top-1.

    The i-th smallest of m values is multiplied by m − i + 1 and never falls below the one before.
    """
    family = ["format", pl.col("aspect") == "speed"]
    size = pl.col("p").count()
    step_down = (pl.col("p") * (size - pl.int_range(pl.len()))).cum_max().clip(upper_bound=1)
    return (
        table.with_row_index("order")
        .sort("p", nulls_last=True)
        .with_columns(p_holm=step_down.over(family), family=size.over(family).cast(pl.Int64))
        .sort("order")
        .drop("order")
    )


def _settings(runs: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    """What distinguishes each configuration: its name → field → value."""
    table: dict[str, dict[str, str | None]] = {}
    differences = configurations.differences(configurations.label(runs))
    for _, configuration, field, value in differences.iter_rows():
        table.setdefault(configuration, {})[field] = value
    return table


def _sentence(row: dict[str, Any], settings: dict[str, dict[str, str | None]]) -> str:
    """One verdict in words that can be quoted alone."""
    return " ".join([_finding(row), *_confounded(row, settings)])


def _finding(row: dict[str, Any]) -> str:
    speed = row["aspect"] == "speed"
    sides = [(row["first"], row["first_value"]), (row["second"], row["second_value"])]
    missing = " and ".join(name for name, value in sides if value is None)
    if missing:
        return (
            f"On {row['aspect']}, {sides[0][0]} and {sides[1][0]} cannot be compared: no figure "
            f"for {missing}."
        )
    # The better side first: the higher share, or the lower number of epochs.
    sides.sort(key=lambda side: side[1] if speed else -side[1])
    if row["p"] is None:
        basis, differ = "", None
    else:
        turned = sides[0][0] != row["first"]
        basis = f" ({_basis(row, turned)}; {_p(row['p_holm'])} after Holm)"
        differ = row["p_holm"] < LEVEL
    words = _speed_words if speed else _share_words
    return words(*sides[0], *sides[1], differ, basis, row["aspect"])


def _share_words(
    better: str, value: float, worse: str, other: float, differ: bool | None, basis: str, split: str
) -> str:
    if differ:
        return (
            f"On {split}, {better} ends higher than {worse}: {100 * value:.1f} % against "
            f"{100 * other:.1f} %{basis}."
        )
    sides = f"between {better} with {100 * value:.1f} % and {worse} with {100 * other:.1f} %{basis}"
    if differ is None:
        return f"On {split}, no test {sides}: the number of points is not known."
    return f"On {split}, no difference shown {sides}."


def _speed_words(
    better: str, value: float, worse: str, other: float, differ: bool | None, basis: str, _: str
) -> str:
    epochs, others = (f"{number:.1f}".removesuffix(".0") for number in (value, other))
    if differ:
        return (
            f"{better} converges faster than {worse}: 95 % of its own best after {epochs} epochs "
            f"against {others}{basis}."
        )
    sides = f"{better} reached 95 % of its own best after {epochs} epochs, {worse} after {others}"
    if differ is None:
        return f"{sides}: without several shared seeds this describes the runs and tests nothing."
    return f"On speed, no difference shown: {sides}{basis}."


def _confounded(row: dict[str, Any], settings: dict[str, dict[str, str | None]]) -> list[str]:
    """A warning where two variants differ in more than the variant."""
    one, other = settings[row["first"]], settings[row["second"]]
    fields = [field for field in one if one[field] != other[field]]
    if "variant" not in fields or len(fields) == 1:
        return []
    fields.remove("variant")
    return [f"They also differ in {', '.join(fields)}: this is not the variant alone."]


def _basis(row: dict[str, Any], turned: bool) -> str:
    """The method in words; its interval is of first − second, or the other way where `turned`."""
    if row["method"] == "intervals":
        return "overlap of Wilson intervals"
    seeds = f"{row['seeds']} shared seed" + ("s" if row["seeds"] != 1 else "")
    if row["method"] == "query":
        return f"McNemar's exact test by query, {seeds}"
    scale, unit = (1, "epochs") if row["aspect"] == "speed" else (100, "points")
    low, high = (-row["high"], -row["low"]) if turned else (row["low"], row["high"])
    return f"{scale * low:+.1f} to {scale * high:+.1f} {unit}, paired bootstrap over {seeds}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"

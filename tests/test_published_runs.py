"""The figures, tables and commands of the pages, held to the published logs."""

import re
from statistics import mean

import polars as pl
import pytest
from pages import (
    PUBLISHED,
    README,
    REFERENCE,
    SPLITS,
    WORDS,
    are_flags_of,
    evaluated,
    last,
    published,
    row_of,
    signed,
)

from analysis.readers import logs
from analysis.rendering.effect_text import points
from analysis.rendering.markdown import markdown
from analysis.rendering.table_rows import configuration_rows
from analysis.statistics.factorial import design_effects
from analysis.statistics.results import of_studies
from analysis.statistics.study_effects import MEASURED, answers, comparable_runs, is_shown, labels

#: Recipe → the seeds of its published runs.
SEEDS = {"strong": "0 1 2 3 4 5 6 7 8 9", "documented": "0 1 2 3 4 5 6 7 8 9"}
SEEDS_IN_WORDS = dict(
    enumerate(("three", "four", "five", "six", "seven", "eight", "nine", "ten"), 3)
)

EFFECTS = ("LayerNorm", "ReLU", "interaction")


@pytest.fixture(scope="module")
def studies():
    """The published study of each recipe, as the analysis sees it."""
    read = {recipe: logs.read([REFERENCE / f"{recipe}-*.jsonl"]) for recipe in SEEDS}
    return {recipe: of_studies(log)[0] for recipe, log in read.items()}


@pytest.fixture(scope="module")
def study(studies):
    """That of the default recipe."""
    return studies["strong"]


@pytest.fixture(scope="module")
def runs():
    """The lines of each run of the default recipe."""
    return published("strong")


@pytest.mark.parametrize(("recipe", "seeds"), SEEDS.items())
def test_the_table_of_results_is_the_one_that_the_published_runs_give(studies, recipe, seeds):
    study = studies[recipe]
    assert study.by_configuration["seeds"].to_list() == [seeds] * 4
    assert markdown(configuration_rows(study, whole=False)) in PUBLISHED


@pytest.mark.parametrize("recipe", SEEDS)
def test_the_effects_are_those_that_the_published_runs_give(studies, recipe):
    for name in EFFECTS:
        effects = studies[recipe].effects.filter(effect=name)
        of_measure = {row["measure"]: row for row in effects.to_dicts()}
        test = of_measure["test"]
        intervals = [points(of_measure[measure]) for measure in MEASURED if measure in of_measure]
        p = "< 0.001" if test["p_holm"] < 0.001 else f"{test['p_holm']:.3f}"
        excluded = "–" if is_shown(test) else f"{100 * test['excluded_beyond']:.1f}"
        detected = f"{100 * test['least_effect']:.1f}"
        rows = [[name, *intervals[:3], p, excluded, detected]]
        if intervals[3:]:
            rows.append([f"{name}, without hubness", *intervals[3:], "–", "–", "–"])
        if name == "LayerNorm":
            by_nearest = [points(by_nearest_neighbour(studies[recipe], s)) for s in SPLITS]
            rows.append(["LayerNorm, by the nearest neighbour", *by_nearest, *["–"] * 4])
        for row in rows:
            cells = " | ".join(row).replace("[", "\\[").replace("]", "\\]")
            assert f"| {cells} |" in PUBLISHED
        assert f"the {test['queries']:,} of test in {test['clusters']})" in WORDS


def on_answers(study, split, **answer):
    """The effect of LayerNorm on something of each answer, named `answer`, as a row of EFFECTS."""
    predictions = study.log.predictions.with_columns(**answer)
    counted = comparable_runs(study.log.runs, study.by_run)
    design, of_points = answers(counted, predictions, split, *answer)
    layernorm, *_ = design_effects(design, labels(of_points))
    return vars(layernorm)


def by_nearest_neighbour(study, split):
    return on_answers(study, split, nearest=pl.col("nearest_rank") == 1)


def effect(study, name, measure):
    (row,) = study.effects.filter(effect=name, measure=measure).to_dicts()
    return row


def intervals(text):
    """The effects with their intervals, in the order in which a text tells them."""
    return re.findall(r"[+−][\d.]+ \[.*?\]", " ".join(text.split()))


#: The answers of both pages: a point each on `strong`, on `documented` and on ReLU; the page of the
#: published runs has a second one on `strong`, of how fast it is.
SHORT = [" ".join(point.split()) for point in README.split("\n- ")[1:4]]
SHORT[-1] = SHORT[-1].partition(" ![")[0]
LONG = [" ".join(point.split()) for point in PUBLISHED.split("\n- ")[1:5]]
LONG[-1] = LONG[-1].partition(" `python")[0]


def tell(study, *of):
    return [points(effect(study, *one)) for one in of]


def test_both_pages_say_that_layernorm_raises_top1_by_the_default_recipe(study):
    layernorm = effect(study, "LayerNorm", "test")
    assert is_shown(layernorm)
    assert layernorm["estimate"] > 0
    assert not is_shown(effect(study, "interaction", "test"))
    alone = tell(study, ("LayerNorm", "test"), ("LayerNorm", "test_without_hubness"))
    assert intervals(SHORT[0]) == [*alone, *tell(study, ("LayerNorm", "area_without_hubness"))]
    assert "By the default recipe LayerNorm raises it" in SHORT[0]
    nearest = points(by_nearest_neighbour(study, "test"))
    assert intervals(LONG[0]) == [*alone, nearest]
    gained = pl.col("hit").cast(pl.Int8) - pl.col("head_hit").cast(pl.Int8)
    by_hubness = points(on_answers(study, "test", gain=gained)).removeprefix("+")
    assert f"which adds {by_hubness} points more with LayerNorm" in LONG[0]
    seeds = SEEDS_IN_WORDS[len(SEEDS["strong"].split())]
    assert f"(4 variants × {seeds} seeds, one epoch)" in SHORT[0]
    assert f"(4 variants × {seeds} seeds, one epoch)" in LONG[0]


def test_both_pages_say_how_much_faster_layernorm_converges_by_the_default_recipe(study):
    def told(target=None):
        (found,) = of_studies(study.log, target)
        epochs = {True: set(), False: set()}
        for row in found.by_configuration.to_dicts():
            layernorm = row["configuration"].startswith("with_layernorm")
            epochs[layernorm].add(f"{row['epochs_to_target']:.1f}")
        target = f"{100 * found.by_configuration['target'][0]:.0f} % on validation"
        return target, *(" to ".join(sorted(epochs[layernorm])) for layernorm in (True, False))

    target, with_, without = told()
    share = target.removesuffix(" on validation")
    assert f"they reach {share} after {with_} epochs instead of {without};" in SHORT[0]
    first, *lower = told(0.5)
    assert f"{first} are reached after {lower[0]} epochs instead of {lower[1]}" in LONG[1]
    assert f"{share} after {with_} instead of {without}" in LONG[1]
    assert intervals(LONG[1]) == tell(
        study, ("LayerNorm", "area"), ("LayerNorm", "area_without_hubness")
    )
    alone = effect(study, "LayerNorm", "area_without_hubness")
    assert 0 < alone["low"] < alone["high"] < 0.01  # "only", "little"


def test_both_pages_say_that_layernorm_lowers_top1_by_documented(studies):
    study, runs = studies["documented"], published("documented")
    layernorm, area = (effect(study, "LayerNorm", measure) for measure in ("test", "area"))
    assert is_shown(layernorm)
    assert layernorm["estimate"] < 0
    assert not is_shown(effect(study, "interaction", "test"))
    assert area["low"] > 0  # "a head start"
    assert "LayerNorm lowers it" in SHORT[1]
    assert "an effect that is shown with some numbers of seeds and not with others" in LONG[2]
    for answer in (SHORT[1], LONG[2]):
        assert f"p = {layernorm['p_holm']:.3f} after Holm" in answer
    assert intervals(SHORT[1]) == [points(layernorm)]
    nearest = points(by_nearest_neighbour(study, "test"))
    assert intervals(LONG[2]) == [points(layernorm), nearest, points(area)]
    before, epoch = (
        gain(runs, lambda lines, step=step: evaluated(lines, "test", "top1", step=step))
        for step in (0, 175)
    )
    leads = f"lead by {before.strip('+')} points before the first step, by {epoch.strip('+')} after"
    seeds = SEEDS_IN_WORDS[len(SEEDS["documented"].split())]
    for answer, named in ((SHORT[1], "4 × "), (LONG[2], "4 variants × ")):
        assert f"{leads} one epoch, and end lower: a head start" in answer
        assert f"({named}{seeds}" in answer


def test_both_pages_say_that_no_effect_of_relu_is_shown(studies, runs):
    relu = [effect(studies[recipe], "ReLU", "test") for recipe in SEEDS]
    assert not any(map(is_shown, relu))
    excluded = " and ".join(dict.fromkeys(f"{100 * row['excluded_beyond']:.1f}" for row in relu))
    tested = [f"{row['p_holm']:.3f}" for row in relu]
    for answer in (SHORT[2], LONG[3]):
        assert intervals(answer)[:2] == [points(row) for row in relu]
        assert f"(p = {' and '.join(tested)} after Holm" in answer
    assert f"Effects of more than {excluded} points are excluded" in SHORT[2]
    interactions = (effect(studies[recipe], "interaction", "test") for recipe in SEEDS)
    beyond = " and ".join(
        dict.fromkeys(f"{100 * row['excluded_beyond']:.1f}" for row in interactions)
    )
    both = f"{excluded} points are excluded, interactions of more than {beyond}"
    assert f"effects of ReLU of more than {both}" in LONG[3]
    described = [
        effect(studies["strong"], "ReLU", "area"),
        effect(studies["strong"], "ReLU", "test_without_hubness"),
        effect(studies["documented"], "ReLU", "validation"),
    ]
    assert intervals(LONG[3])[2:] == [points(row) for row in described]
    assert intervals(SHORT[2])[2:] == [points(described[1])]
    assert all(row["high"] < 0 for row in described)  # "leans to a small loss"
    before = {}  # "Before the first step ReLU changes nothing"
    for lines in runs:
        config = lines[0]["config"]
        start = [evaluated(lines, "test", metric) for metric in ("top1", "head_top1")]
        before.setdefault((config["layernorm"], config["seed"]), []).append(start)
    assert all(one == other for one, other in before.values())


def gain(of_runs, figure):
    """By how many points the runs with LayerNorm exceed those without, in `figure` of a run."""
    sides = {True: [], False: []}
    for lines in of_runs:
        sides[lines[0]["config"]["layernorm"]].append(figure(lines))
    return signed(mean(sides[True]) - mean(sides[False]))


def test_the_page_says_what_becomes_of_the_lead_before_the_first_step(runs):
    by_head = gain(runs, lambda lines: evaluated(lines, "test", "head_top1"))
    assert f"lead on test by {by_head.strip('+')} points by the pair head alone" in LONG[0]
    quarter = gain(runs, lambda lines: evaluated(lines, "validation", "head_top1", step=22))
    assert abs(float(quarter.replace("−", "-"))) < 0.5  # "gone within a quarter of the epoch"
    ahead = [
        gain(runs, lambda lines, step=step: evaluated(lines, "validation", "top1", step=step))
        for step in (0, 22, 44, 66, 88)
    ]
    assert all(lead.startswith("+") for lead in ahead)  # "stay ahead"
    first, *_, end = (lead.strip("+") for lead in ahead)
    assert f"begin {first} points higher on validation and stay ahead" in SHORT[0]
    assert f"{first} points on validation before the first step, {end} at the end" in LONG[1]


def listed(words):
    """Words as a sentence lists them: 'one, two and three'."""
    *first, end = words
    return f"{', '.join(first)} and {end}" if first else end


def test_the_page_says_what_p_was_with_fewer_seeds(studies):
    told = []
    of_verdict = {True: [], False: []}
    seeds = SEEDS["documented"].split()
    for count in range(3, len(seeds) + 1):
        some = [REFERENCE / f"documented-*-seed{seed}.jsonl" for seed in seeds[:count]]
        (found,) = of_studies(logs.read(some))
        layernorm = effect(found, "LayerNorm", "test")
        told.append(f"{layernorm['p_holm']:.3f} with {SEEDS_IN_WORDS[count]}")
        of_verdict[is_shown(layernorm)].append(SEEDS_IN_WORDS[count])
    told[0] += " seeds"
    assert f"p of LayerNorm by `documented` was {', '.join(told)}. So" in WORDS
    with_, without = map(listed, (of_verdict[True], of_verdict[False]))
    assert f"an effect is shown with {with_} seeds, and not with {without}." in WORDS
    assert f"and above 0.05 with {without} seeds)" in SHORT[1]
    strong, documented = (
        f"{100 * effect(studies[recipe], 'LayerNorm', 'test')['least_effect']:.1f}"
        for recipe in SEEDS
    )
    detected = f"LayerNorm of {strong} points by `strong` and {documented} by `documented`"
    assert f"80 % of such experiments would detect an effect of {detected}" in WORDS
    by_default = effect(studies["strong"], "LayerNorm", "test")
    assert 8 * by_default["p_holm"] < 0.001  # "would survive any correction for eight looks"
    nine = [REFERENCE / f"documented-*-seed{seed}.jsonl" for seed in seeds[:-1]]
    (found,) = of_studies(logs.read(nine))
    without_the_tenth = points(effect(found, "LayerNorm", "test"))
    assert f"By the nine other seeds LayerNorm is {without_the_tenth}." in WORDS


def test_the_earlier_systems_figures_are_those_of_its_logs(shared):
    (results,) = of_studies(logs.read([shared / "legacy-logs"]))
    section = PUBLISHED.partition("## What the earlier system's logs said")[2].partition("\n## ")[0]
    section = " ".join(section.split())
    both, neither = results.by_run.sort("configuration").to_dicts()
    told = ("last_validation", "last_test", "last_test_low", "last_test_high")
    for figure in (100 * run[name] for run in (both, neither) for name in told):
        assert f"{figure:.1f}" in section
    of_hundred = results.curves.group_by("run_id").tail(100).group_by("run_id")
    means = of_hundred.agg(pl.col("validation", "test").mean())
    for run in (both, neither):
        (row,) = means.filter(run_id=run["run_id"]).to_dicts()
        for split in ("validation", "test"):
            assert f"{100 * row[split]:.1f}" in section
    assert both["n_test"] == neither["n_test"] == 88
    assert both["n_validation"] == neither["n_validation"] == 81
    assert round(81 * (both["last_validation"] - neither["last_validation"])) == 4
    assert round(88 * (both["last_test"] - neither["last_test"])) == 6


def ends_of_variants(of_runs):
    """Variant → its runs' mean figures at the end: top-1 on both splits, then without hubness."""
    found = {}
    for lines in of_runs:
        of_run = found.setdefault(lines[0]["variant"], [])
        at_end = [last(lines, event="eval", split=split) for split in SPLITS]
        of_run.append([line[metric] for metric in ("top1", "head_top1") for line in at_end])
    return {name: [*map(mean, zip(*ends, strict=True))] for name, ends in found.items()}


def test_the_results_on_the_first_page_are_those_of_the_published_runs(runs):
    untrained = (
        mean(last(lines, event="untrained", split=split)["top1"] for lines in runs)
        for split in SPLITS
    )
    assert row_of("neighbour | – | –", untrained) in README
    for name, layernorm in (("with LayerNorm", True), ("without", False)):
        ours = [lines for lines in runs if lines[0]["config"]["layernorm"] == layernorm]
        start = (
            mean(evaluated(lines, split, metric) for lines in ours)
            for metric in ("top1", "head_top1")
            for split in SPLITS
        )
        assert row_of(f"| before the first step, {name}", start) in README
    for name, figures in ends_of_variants(runs).items():
        assert row_of(f"| `--variant={name}`", figures) in README
    documented = [figures[:2] for figures in ends_of_variants(published("documented")).values()]
    ranges = " | ".join(
        f"{100 * min(found):.1f} to {100 * max(found):.1f}"
        for found in zip(*documented, strict=True)
    )
    assert f"| `--recipe=documented`, its four variants | – | – | {ranges} |" in README


@pytest.mark.parametrize(
    ("recipe", "seeds", "count", "of"),
    [
        ("strong", range(10), 40, "all 40"),
        ("documented", range(9), 35, "35"),
        ("documented", [9], 4, "its four"),  # on another machine
    ],
)
def test_the_cost_is_what_the_published_runs_took(recipe, seeds, count, of):
    was_stopped = "documented-with_layernorm_relu-seed1"
    ends = [end for start, *_, end in published(recipe) if start["seed"] in seeds]
    seconds = [end["seconds"] for end in ends if end["run_id"] != was_stopped]
    minutes, hours = mean(seconds) / 60, sum(seconds) / 3600
    assert f"a run took {minutes:.0f} minutes, {of} runs {hours:.1f} hours of one core" in WORDS
    assert len(seconds) == count


@pytest.mark.parametrize("recipe", SEEDS)
def test_the_command_for_the_results_is_that_of_the_published_runs(recipe):
    (flags,) = re.findall(rf'make ablation NAME={recipe} .*\\\n +ARGS="([^"]*)"', PUBLISHED)
    for lines in published(recipe):
        assert are_flags_of(flags, lines[0]["config"] | lines[0]["decides"])

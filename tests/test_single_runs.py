"""The figures, tables and commands of the runs beside the studies, held to their logs."""

from statistics import mean

import pytest
from pages import (
    JOB,
    PUBLISHED,
    README,
    REFERENCE,
    SPLITS,
    WORDS,
    are_flags_of,
    blocks,
    last,
    published,
    read_log,
    row_of,
    signed,
)

from analysis.readers import logs
from analysis.rendering.markdown import markdown
from analysis.rendering.table_rows import configuration_rows
from analysis.statistics.results import of_studies

CONTEXT = REFERENCE / "context"


def in_context():
    """The lines of each single run of version 0.1 beside the comparison, by its name."""
    return {path.stem: read_log(path) for path in sorted((CONTEXT / "0.1").glob("*.jsonl"))}


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_the_table_of_single_runs_is_the_one_that_their_logs_give(version):
    rows = []
    for results in of_studies(logs.read([CONTEXT / version])):
        head, *lines = configuration_rows(results, whole=False)
        rows += [[results.study.name, *line] for line in lines]
    table = markdown([["study", *head[:-1], "epochs to target"], *rows])
    assert f"\n\n{table.strip()}\n\n" in PUBLISHED


def test_every_figure_of_the_ball_tree_is_that_of_the_exact_search():
    runs = (
        in_context()["neighbors_ball_tree"],
        in_context()["baseline"],
    )
    assert [lines[0]["config"]["neighbors"] for lines in runs] == ["ball_tree", "exact"]
    differs = ("run_id", "time", "seconds", "triplets_per_second", "path")
    exact, ball_tree = (
        [{key: value for key, value in line.items() if key not in differs} for line in lines[1:]]
        for lines in runs
    )
    assert exact == ball_tree


@pytest.fixture(scope="module")
def whole_models():
    """The lines of each run of a whole encoder, in README's order; none was interrupted, so that
    its last line tells how long it took.
    """
    runs = [lines for lines in in_context().values() if lines[0]["config"]["layers"] is None]
    assert not any(line["event"] == "resume" for lines in runs for line in lines)
    return runs


def test_the_table_of_the_whole_models_is_the_one_that_their_logs_give(whole_models):
    rows = []
    for lines in whole_models:
        config, minutes = lines[0]["config"], f"{lines[-1]['seconds'] / 60:.0f}"
        encoder = config["encoder"].rpartition("/")[2]
        leaked = {"drop": "dropped", "keep": "kept"}[config["leaked_pairs"]]
        test = [line for line in lines if line["event"] == "pools" and line["split"] == "test"]
        pools = {line["pool"]: f"{100 * line['top1']:.1f}" for line in test}
        cells = [encoder, leaked, config["max_length"], config["epochs"], minutes, *pools.values()]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    named = ["encoder", "leaked pairs", "tokens", "epochs", "minutes", *pools]
    rule = ["---", "---", *["---:"] * (len(named) - 2)]
    table = "\n".join([f"| {' | '.join(named)} |", f"| {' | '.join(rule)} |", *rows])
    assert f"\n\n{table}\n\n" in PUBLISHED


def test_the_figure_over_unseen_points_is_that_of_the_run_that_kept_leaked_pairs(whole_models):
    (lines,) = (run for run in whole_models if run[0]["config"]["leaked_pairs"] == "keep")
    assert lines is whole_models[-1]  # "the last run"
    at_best = {"event": "eval", "split": "test", "epoch": lines[-1]["best_epoch"]}
    (found,) = (line for line in lines if at_best.items() <= line.items())
    unseen = (
        f"over the {found['n_unseen']} test points that training did not hold it stands at "
        f"{100 * found['top1_unseen']:.1f}."
    )
    assert unseen in WORDS


def test_the_commands_for_the_whole_models_are_those_of_their_runs(whole_models):
    _, block = blocks(PUBLISHED, "train --data_dir=arguana-counterargs --encoder")
    commands = block.replace("\\\n", "").strip().splitlines()
    assert len(commands) == len(whole_models)
    for command, lines in zip(commands, whole_models, strict=True):
        assert are_flags_of(command, lines[0]["config"]), command


def test_the_larger_encoders_figures_and_command_are_those_of_its_run():
    lines = read_log(CONTEXT / "0.2" / "strong-mpnet.jsonl")
    ends = [last(lines, event="eval", split=split) for split in SPLITS]
    figures = [end[metric] for metric in ("top1", "head_top1") for end in ends]
    assert row_of("| `--encoder=…/all-mpnet-base-v2 --lr=3e-5`", figures) in README
    untrained = last(lines, event="untrained", split="test")["top1"]
    told = (
        f"reaches {100 * ends[1]['top1']:.1f} % on test ({100 * ends[1]['head_top1']:.1f} by the "
        f"pair head alone) from {100 * untrained:.1f} untrained"
    )
    cost = f"the larger encoder {lines[-1]['seconds'] / 60:.0f} on two threads"
    assert told in WORDS
    assert cost in WORDS
    command, _ = blocks(PUBLISHED, "train --data_dir=arguana-counterargs --encoder")
    assert are_flags_of(command, lines[0]["config"])


@pytest.fixture(scope="module")
def of_margins():
    """Variant → the study's run of seed 0, and that with an absolute margin of 1."""
    names = ("with_layernorm", "without_layernorm_relu")
    return {
        name: (
            read_log(REFERENCE / f"documented-{name}-seed0.jsonl"),
            read_log(CONTEXT / "margin" / f"margin-{name}-seed0.jsonl"),
        )
        for name in names
    }


def test_the_table_of_margins_is_the_one_that_the_runs_give(of_margins):
    places = [(epoch, split) for epoch in (1, 2) for split in SPLITS]
    ends = {}
    for layernorm, (name, runs) in zip(("on", "off"), of_margins.items(), strict=True):
        for lines in runs:
            margin = last(lines, event="margin")["euclidean"]
            top1 = [last(lines, event="eval", epoch=e, split=s)["top1"] for e, s in places]
            assert row_of(f"| {layernorm} | {margin:.2f}", top1) in PUBLISHED
        ends[name] = [
            [last(lines, event="eval", split=s)["top1"] for s in SPLITS] for lines in runs
        ]
    share, absolute = (
        [signed(on - off) for on, off in zip(*pair, strict=True)]
        for pair in zip(*ends.values(), strict=True)
    )
    on_test = f"from {share[1]} to {absolute[1]} points on test"
    assert f"{on_test}, from {share[0]} to {absolute[0]} on validation" in WORDS
    told = f"it is {absolute[1]}, and {absolute[0]} on validation, in [one seed]"
    assert told in " ".join(README.split())
    minutes = [f"{lines[-1]['seconds'] / 60:.0f}" for _, lines in of_margins.values()]
    assert f"with a margin of 1 took {' and '.join(minutes)} minutes" in WORDS


def test_the_page_says_how_far_the_same_difference_varies_over_the_seeds_of_the_study(of_margins):
    differences = []
    for seed in range(10):
        on, off = (
            read_log(REFERENCE / f"documented-{name}-seed{seed}.jsonl") for name in of_margins
        )
        ends = ([last(lines, event="eval", split=s)["top1"] for s in SPLITS] for lines in (on, off))
        differences.append([a - b for a, b in zip(*ends, strict=True)])
    ranges = [
        f"between {signed(min(of_split))} and {signed(max(of_split))} on {split}"
        for split, of_split in zip(SPLITS, zip(*differences, strict=True), strict=True)
    ]
    assert f"{ranges[1]}, and {ranges[0]}" in WORDS


def test_the_commands_of_the_absolute_margin_are_those_of_its_runs(of_margins):
    (block,) = blocks(PUBLISHED, "train --recipe=documented")
    commands = block.replace("\\\n", "").strip().splitlines()
    for command, (_, lines) in zip(commands, of_margins.values(), strict=True):
        assert are_flags_of(command, lines[0]["config"]), command


def test_what_a_number_of_pairs_gains_is_that_of_the_runs():
    both = [lines for lines in published("strong") if lines[0]["variant"] == "with_layernorm_relu"]
    fewer = [[read_log(CONTEXT / "0.2" / f"strong-{n}-pairs.jsonl")] for n in (400, 1000)]
    for of_size in (*fewer, both):
        ends = [
            f"{100 * mean(line['top1'] for line in found):.1f} "
            f"({100 * mean(line['head_top1'] for line in found):.1f})"
            for found in (
                [last(lines, event="eval", split="test", step=0) for lines in of_size],
                [last(lines, event="eval", split="test") for lines in of_size],
            )
        ]
        n = last(of_size[0], event="eval", split="training")["n"]
        assert f"| {n:,} | {' | '.join(ends)} | {len(of_size)} |" in JOB

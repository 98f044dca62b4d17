"""What the READMEs say that a machine can check: commands, names, and figures of the logs."""

import json
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from analysis.readers import logs
from analysis.rendering.effect_text import points
from analysis.rendering.markdown import markdown
from analysis.rendering.table_rows import configuration_rows
from analysis.statistics.results import of_studies

ROOT = Path(__file__).parents[1]
README, PUBLISHED, JOB, TOOLS = (
    (ROOT / folder / "README.md").read_text("utf-8")
    for folder in ("", "logs/reference", "biencoder", "analysis")
)


def blocks(page, first_line):
    """The indented blocks that begin with `first_line`, as they would be typed."""
    found = re.findall(rf"^(    {first_line}.*\n(?:(?:    .*)?\n)*)", page, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def test_commands_of_the_environment_come_after_the_line_that_activates_it():
    first = re.search("^    (python|train|biencoder) ", README, re.MULTILINE)
    assert README.index("    source .venv/bin/activate\n") < first.start()


@pytest.mark.parametrize("script", blocks(JOB, "#!/bin/bash"))
def test_each_slurm_script_is_one_that_bash_can_parse(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "#SBATCH" in script


def test_the_kubernetes_job_is_yaml_with_the_fields_that_a_job_needs():
    (text,) = blocks(JOB, "apiVersion")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/app/logs", "/app/checkpoints"} < mounted


def read_log(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_target_of_make_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    pages = "\n".join(path.read_text("utf-8") for path in ROOT.glob("[!.]*/**/README.md")) + README
    named = set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)", pages, re.MULTILINE))
    for target in {one or other for one, other in named}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(("package", "page"), [("biencoder", JOB), ("analysis", TOOLS)])
def test_a_packages_page_names_every_module(package, page):
    words = {word.removesuffix(".py") for word in re.findall(r"[\w.]+", page)}
    modules = {path.stem for path in (ROOT / package).rglob("*.py")} - {"__init__"}
    assert modules - words == set()


def test_readme_fits_a_page():
    assert len(README.splitlines()) <= 150


@pytest.fixture(scope="module")
def reference():
    """The published runs, as the analysis sees them."""
    (results,) = of_studies(logs.read([ROOT / "logs" / "reference"]))
    return results


def test_the_table_of_results_is_the_one_that_the_published_runs_give(reference):
    assert reference.by_configuration["seeds"].to_list() == ["0 1 2"] * 4
    assert markdown(configuration_rows(reference, whole=False)) in PUBLISHED


def test_the_effects_are_those_that_the_published_runs_give(reference):
    found = reference.effects
    for name in ("LayerNorm", "ReLU", "interaction"):
        of_split = {row["measure"]: row for row in found.filter(effect=name).to_dicts()}
        test = of_split["test"]
        intervals = [points(of_split[split]) for split in ("validation", "test")]
        bounds = [f"{100 * test[field]:.1f}" for field in ("excluded_beyond", "least_effect")]
        cells = [name, *intervals, f"{test['p_holm']:.3f}", *bounds]
        row = " | ".join(cells).replace("[", "\\[").replace("]", "\\]")
        assert f"| {row} |" in PUBLISHED


def test_the_earlier_systems_figures_are_those_of_its_logs(shared):
    (results,) = of_studies(logs.read([shared / "legacy-logs"]))
    section = " ".join(PUBLISHED.partition("## What the earlier system's logs said")[2].split())
    both, neither = results.by_run.sort("configuration").to_dicts()
    told = ("last_validation", "last_test", "last_test_low", "last_test_high")
    for figure in (100 * run[name] for run in (both, neither) for name in told):
        assert f"{figure:.1f}" in section
    assert both["n_test"] == neither["n_test"] == 88
    assert round(88 * (both["last_test"] - neither["last_test"])) == 6


CONTEXT = ROOT / "logs" / "reference" / "context"


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
        read_log(ROOT / "logs" / "reference" / "without_layernorm_relu-seed0.jsonl"),
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
    assert unseen in " ".join(PUBLISHED.split())


def are_flags_of(command, config):
    """Whether a command gives the values that a run's config holds."""
    flags = dict(re.findall(r"--(\w+)=([^\s\"]+)", command))
    flags.pop("log_dir", None)  # where the runs are to be repeated
    return all(config[name] == type(config[name])(value) for name, value in flags.items())


def test_the_commands_for_the_whole_models_are_those_of_their_runs(whole_models):
    (block,) = blocks(PUBLISHED, "train --data_dir=arguana-counterargs --encoder")
    commands = block.replace("\\\n", "").strip().splitlines()
    assert len(commands) == len(whole_models)
    for command, lines in zip(commands, whole_models, strict=True):
        assert are_flags_of(command, lines[0]["config"]), command


def test_the_cost_is_what_the_published_runs_took():
    lines = [read_log(path) for path in (ROOT / "logs" / "reference").glob("*.jsonl")]
    seconds = [run[-1]["seconds"] for run in lines]
    mean = sum(seconds) / len(seconds)
    (epochs,) = {run[0]["config"]["epochs"] for run in lines}
    cost = (
        f"a run took {mean:.0f} s, {mean / epochs:.0f} s an epoch with its evaluations, and all "
        f"twelve {sum(seconds) / 60:.0f} minutes"
    )
    assert cost in " ".join(PUBLISHED.split())


def test_the_command_for_the_results_is_that_of_the_published_runs():
    (command,) = re.findall(r'make ablation NAME=again ARGS="([^"]*)"', PUBLISHED)
    for path in (ROOT / "logs" / "reference").glob("*.jsonl"):
        assert are_flags_of(command, read_log(path)[0]["config"])

"""That the benchmarks still run; what they measure is looked at by people, on a quiet machine."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "benchmarks"


def run(script, *arguments):
    command = [sys.executable, FOLDER / script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_reference_way_of_mining_and_evaluating_gives_the_same_answers():
    printed = run("bench_search.py", "one", 300, 1)
    assert "times as fast" in printed
    assert "the eight pools" in printed
    assert printed.count("identical answers") == printed.count("yes") == 1


def test_the_parts_of_an_epoch_are_told_for_the_real_job(tiny_encoder):
    printed = run("bench_epoch.py", f"--encoder={tiny_encoder}", "--epochs=2", "--max_length=16")
    assert "2 epochs; seconds" in printed
    parts = [line.split()[0] for line in printed.split("\n") if line.startswith("  ")]
    assert {"epoch", "train", "embed", "evaluate", "mine", "checkpoint", "log"} <= set(parts)


def test_the_curve_checks_are_tried_on_runs_with_and_without_a_fall():
    printed = run("bench_curve_checks.py", 2)
    assert "2 runs a row" in printed
    assert all(title in printed for title in ("False alarms", "Over-fitting", "Below start"))


def test_the_effects_are_tried_on_simulated_experiments():
    assert "any, after Holm" in " ".join(run("bench_effects.py", 3).split())


def test_memory_and_time_are_measured_plain_cached_and_beside_the_peer():
    small = ("--layers=1", "--width=32", "--max_length=16", "--batches=2", "--turns=1")
    printed = run("bench_memory.py", *small)
    assert "| batch | plain | cached | sentence-transformers |" in printed
    assert "failed" not in printed
    assert "cached, times plain" in printed

"""How soon the commands answer: wall time of whole processes, beside Python's own start.

python tests/benchmarks/bench_startup.py
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from sidebyside import in_turns, line, ratios  # noqa: E402 - the paths must be known first

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "train --help": ["train.py", "--help"],
    "train --layernrom=False": ["train.py", "--layernrom=False"],
    "biencoder retrieve --help": ["-m", "biencoder", "retrieve", "--help"],
    "plot --help": ["-m", "analysis.plot", "--help"],
    "python -c 'import torch'": ["-c", "import torch"],
}
TURNS = 7


def timed(arguments: list[str]) -> Callable[[], float]:
    """A function that runs Python with these arguments and returns the seconds it took."""

    def run() -> float:
        clock = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True)
        return time.perf_counter() - clock

    return run


def main() -> None:
    found = in_turns({name: timed(command) for name, command in COMMANDS.items()}, TURNS)
    print(f"wall time, {TURNS} turns; below each: the same as a multiple of Python's own start")
    for name, seconds in found.items():
        print(line(name, seconds, " s"))
        print(line("", ratios(seconds, found["python -c pass"]), " x"))


if __name__ == "__main__":
    main()

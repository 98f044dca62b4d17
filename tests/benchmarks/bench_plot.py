"""What the pictures of the published runs cost: CPU seconds, beside the imports they begin with.

python tests/benchmarks/bench_plot.py

On a machine that others load a second of CPU does less: the ratio to the imports tells more.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from sidebyside import in_turns, line, ratios  # noqa: E402 - the paths must be known first

IMPORTS = "import matplotlib.figure, polars, pydantic, scipy.special"
TURNS = 5


def cpu_seconds(arguments: list[str]) -> Callable[[], float]:
    """A function that runs Python with these arguments and returns the CPU seconds it took."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return run


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plot = ["-m", "analysis.plot", "logs/reference", f"--out={folder}"]
        commands = {"imports": ["-c", IMPORTS], "plot logs/reference": plot}
        found = in_turns({name: cpu_seconds(command) for name, command in commands.items()}, TURNS)
    print(f"CPU time, {TURNS} turns; below: as a multiple of the imports")
    for name, seconds in found.items():
        print(line(name, seconds, " s"))
    print(line("", ratios(found["plot logs/reference"], found["imports"]), " x"))


if __name__ == "__main__":
    main()

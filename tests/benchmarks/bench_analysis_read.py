"""Speed and memory of reading 1,000 legacy logs of 11,200 lines (650 MB), against a plain loop.

    python tests/benchmarks/bench_analysis_read.py         # makes the files in a temporary folder
    python tests/benchmarks/bench_analysis_read.py 100     # fewer of them

Each reader runs in a process of its own, so that each peak of memory is its own; imports are not
timed. The plain loop is what a user would write: split each file into lines, keep those with a
number, convert it. It uses one core; the readers use two where two are free.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# The root must be on the path first.
from analysis.readers import logs  # noqa: E402
from analysis.statistics.results import Results  # noqa: E402

SIZES = {"训练": 255, "验证": 81, "测试": 88}


def make(folder: Path, files: int) -> None:
    """Write the logs: 200 epochs of 51 losses and three top-1 values, 11,201 lines each."""
    texts = [_text(random.Random(seed)) for seed in range(8)]
    for index in range(files):
        path = folder / f"with_layernorm_relu_hard_negatives_0.01_{index:04}.txt"
        path.write_text(texts[index % len(texts)], encoding="utf-8")


def _text(source: random.Random) -> str:
    lines = ["开始初始化获取负样本的下标"]
    for epoch in range(200):
        lines.append(f"开始第{epoch}个epoch的训练")
        lines += [
            f"当前第{batch}个mini batch，当前loss为{source.uniform(0.1, 3)}"
            for batch in range(0, 510, 10)
        ]
        lines.append("开始获取负样本的下标")
        lines += [
            f"{split}集top1 accuracy为{source.randint(n // 4, n) / n}" for split, n in SIZES.items()
        ]
    return "\n".join(lines) + "\n"


def plain_loop(folder: Path) -> int:
    losses, top1 = [], []
    for path in sorted(folder.iterdir()):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if "loss为" in line:
                losses.append(float(line.split("loss为")[1]))
            elif "top1 accuracy为" in line:
                top1.append((line[:2], float(line.split("accuracy为")[1])))
    return len(losses) + len(top1)


def read_top1(folder: Path) -> int:
    return logs.read([folder], events=("eval", "pools")).metrics.height


def read_and_summarise(folder: Path) -> int:
    results = Results(logs.read([folder], events=("eval", "pools")))
    return max(table.height for table in (results.by_run, results.by_configuration, results.pools))


def read_everything(folder: Path) -> int:
    return logs.read([folder]).metrics.height


READERS: dict[str, Callable[[Path], int]] = {
    "plain loop": plain_loop,
    "logs.read, top-1": read_top1,
    "… and summary": read_and_summarise,
    "logs.read, every loss": read_everything,
}


def measure(name: str, folder: Path) -> tuple[float, float, float, int]:
    """Wall seconds, CPU seconds and peak MB of one reader in a new process, and its rows."""
    command = [sys.executable, __file__, "--reader", name, str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    wall, cpu, peak, rows = done.stdout.split()
    return float(wall), float(cpu), float(peak), int(rows)


def main() -> None:
    if sys.argv[1:2] == ["--reader"]:
        start, cpu = time.perf_counter(), time.process_time()
        rows = READERS[sys.argv[2]](Path(sys.argv[3]))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(wall, cpu, peak, rows)
        return
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, files)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"{files:,} files, {size:,.0f} MB")
        print(f"{'reader':26}{'seconds':>9}{'× plain':>9}{'CPU s':>8}{'peak MB':>9}{'rows':>12}")
        reference = None
        for reader in READERS:
            # The best of three: other work on the machine only ever adds time.
            wall, cpu, peak, rows = min(measure(reader, folder) for _ in range(3))
            reference = reference or wall
            ratio = reference / wall
            print(f"{reader:26}{wall:9.2f}{ratio:9.1f}{cpu:8.2f}{peak:9.0f}{rows:12,}", flush=True)


if __name__ == "__main__":
    main()

"""Whether two commits train alike: a refactoring proves by it that it changed nothing.

    python tests/benchmarks/compare_commits.py BASE [HEAD]    # or: make compare BASE=main~1
    python tests/benchmarks/compare_commits.py BASE HEAD --whole

Trains tiny jobs at both, by one process and by two, and compares logs (but for times), every tensor
of every checkpoint, and the predictions, bit for bit. `--whole` also trains the default encoder for
one epoch on the sample corpus. Exit status: 0 all equal, 1 a difference, 2 wrong use.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import polars as pl
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from tiny_encoder import save_tiny_encoder  # noqa: E402 - the path must be known first

#: Fields that differ between any two runs.
OF_THE_MOMENT = {
    *("time", "seconds", "triplets_per_second", "tokens_per_second"),
    *("padding", "matrix_share", "peak_memory"),
}

TORCHRUN = "-m torch.distributed.run --standalone --local-addr=localhost --nproc-per-node=2".split()
TINY = "--encoder={encoder} --max_length=24 --epochs=2 --log_every=1 --device=cpu --run_id=run"
IN_BATCH = (
    f"{TINY} --recipe=documented --negatives=constant --in_batch_weight=1 --listwise_weight=1 "
    "--lr_schedule=linear --first_epoch_evals=2 --batch_size=7 --variant=without_layernorm_relu"
)
#: Name → how train.py is started, and its flags.
JOBS = {
    "one process": ([], f"{TINY} --recipe=documented"),
    "one process, in-batch negatives": ([], IN_BATCH),
    "two processes": (TORCHRUN, IN_BATCH),
}
WHOLE = {
    "the default encoder": (
        [],
        "--epochs=1 --max_length=64 --log_every=1 --device=cpu --run_id=run",
    )
}


def check_out(commit: str, folder: Path) -> Path:
    """The files of a commit. Exits with 2 where there is none."""
    packed = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True)
    if packed.returncode:
        print(f"compare_commits: {commit}: {packed.stderr.decode().strip()}", file=sys.stderr)
        sys.exit(2)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def train(source: Path, launcher: list[str], flags: str, folder: Path) -> None:
    """Run a commit's own job in a folder of its own. Exits with 1 where it fails."""
    folder.mkdir(parents=True)
    fixed = {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "BIENCODER_COMMIT": "compared"}
    command = [sys.executable, *launcher, str(source / "train.py"), *flags.split()]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | fixed, capture_output=True, text=True
    )
    if done.returncode:
        print(f"compare_commits: {source.name} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        sys.exit(1)


def records(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "logs" / "run.jsonl").read_text("utf-8").splitlines()
    return [
        {name: value for name, value in json.loads(line).items() if name not in OF_THE_MOMENT}
        for line in lines
    ]


def differences(base: Path, head: Path) -> list[str]:
    """What two runs left that is not the same, a sentence each."""
    found = []
    logs = records(base), records(head)
    if len(logs[0]) != len(logs[1]):
        found.append(f"logs: {len(logs[0])} lines, {len(logs[1])} lines")
    for number, (one, other) in enumerate(zip(*logs, strict=False), start=1):
        names = sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n))
        if names:
            found.append(f"logs, line {number} ({one['event']}): {', '.join(names)}")
            break
    weights = [
        {
            path.relative_to(run).parent: load_file(path)
            for path in sorted(run.rglob("epoch-*/model.*"))
        }
        for run in (base, head)
    ]
    if weights[0].keys() != weights[1].keys():
        found.append("checkpoints: of other epochs or steps")
    for place in weights[0].keys() & weights[1].keys():
        one, other = weights[0][place], weights[1][place]
        unequal = [n for n in one.keys() | other.keys() if n not in one or n not in other]
        unequal += [n for n in one.keys() & other.keys() if not torch.equal(one[n], other[n])]
        if unequal:
            found.append(f"weights, {place.name}: {len(unequal)} tensors, {min(unequal)} for one")
    tables = [pl.read_parquet(run / "logs" / "run.predictions.parquet") for run in (base, head)]
    if not tables[0].equals(tables[1]):
        found.append("predictions")
    return found


def main() -> None:
    arguments = [word for word in sys.argv[1:] if word != "--whole"]
    if not 1 <= len(arguments) <= 2 or any(word.startswith("-") for word in arguments):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    commits = [*arguments, "HEAD"][:2]
    jobs = JOBS | (WHOLE if "--whole" in sys.argv else {})
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        save_tiny_encoder(place / "encoder")
        sources = [
            check_out(commit, place / name) for commit, name in zip(commits, "ab", strict=True)
        ]
        for name, (launcher, flags) in jobs.items():
            runs = [place / f"{source.name}-{name}" for source in sources]
            for source, run in zip(sources, runs, strict=True):
                train(source, launcher, flags.format(encoder=place / "encoder"), run)
            found = differences(*runs)
            failed |= bool(found)
            print(f"{name}: {'; '.join(found) or f'equal, {len(records(runs[0]))} lines'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()

"""Builders of small made-up logs in both formats, for every test of `analysis`.

Each fixture is a function that returns the *text* of a log; a test writes it where it likes:

    def test_two_runs_become_two_rows(tmp_path, legacy_text, runlog_text):
        (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
        (tmp_path / "a.jsonl").write_text(runlog_text(run_id="a"), encoding="utf-8")
        log = logs.read([str(tmp_path)])
        assert log.runs.height == 2
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.readers import logs
from analysis.schema import PREDICTIONS, Log

LEGACY_NAMES = {"training": "训练集", "validation": "验证集", "test": "测试集"}
TOP1 = {
    "training": [0.2, 0.5, 0.75],
    "validation": [0.125, 0.25, 0.375],
    "test": [0.1, 0.3, 0.2],
}
POINT = "law/debate{}/pro/{}"
VARIANT_NAMES = {
    (True, True): "with_layernorm_relu",
    (True, False): "with_layernorm",
    (False, True): "with_relu",
    (False, False): "without_layernorm_relu",
}


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


@pytest.fixture
def legacy_text() -> Callable[..., str]:
    """`legacy_text(top1=…, steps=…, first_epoch=0) -> str`: one legacy run.

    `top1`: split → its value after each epoch (the first closes epoch `first_epoch`).
    `steps`: the mini batches whose loss is printed; the loss of batch b in epoch e is
    `loss(e, b)`, by default 2 / (1 + e) + b / 1000.
    """

    def build(
        top1: Mapping[str, Sequence[float]] = TOP1,
        steps: Sequence[int] = (0, 10, 20),
        first_epoch: int = 0,
        loss: Callable[[int, int], float] = lambda epoch, batch: 2 / (1 + epoch) + batch / 1000,
    ) -> str:
        lines = ["开始初始化获取负样本的下标"]
        for index in range(max(map(len, top1.values()))):
            epoch = first_epoch + index
            lines.append(f"开始第{epoch}个epoch的训练")
            lines += [f"当前第{b}个mini batch，当前loss为{loss(epoch, b)}" for b in steps]
            lines.append("开始获取负样本的下标")
            lines += [
                f"{LEGACY_NAMES[split]}top1 accuracy为{values[index]}"
                for split, values in top1.items()
                if index < len(values)
            ]
        return "\n".join(lines) + "\n"

    return build


@pytest.fixture
def runlog_lines() -> Callable[..., list[dict[str, Any]]]:
    """`runlog_lines(…) -> list of records`: one JSONL run as `train` writes it.

    `top1`: split → its value at epoch 0 (before training), 1, 2, …; `n`: split → points.
    `config`: entries laid over the default config; `decides`: over what decides, in which the
    digests are by default those of what the config says. `status=None` leaves `run_end` out.
    `within`: top-1 on every split at equal parts of the first epoch, which like each has as many
    steps as the last of `steps`. `schema=1` writes the log as it was before.
    """

    def build(
        run_id: str = "20261123T120000Z_with_layernorm_s0",
        layernorm: bool = True,
        relu: bool = False,
        seed: int = 0,
        top1: Mapping[str, Sequence[float]] = TOP1,
        n: Mapping[str, int] | None = None,
        steps: Sequence[int] = (10, 20),
        status: str | None = "completed",
        config: Mapping[str, Any] | None = None,
        decides: Mapping[str, Any] | None = None,
        within: Sequence[float] = (),
        schema: int = 2,
    ) -> list[dict[str, Any]]:
        n = n or {"training": 40, "validation": 16, "test": 20}
        variant = VARIANT_NAMES[layernorm, relu]
        seconds = iter(range(60 * 60))

        def record(event: str, **fields: Any) -> dict[str, Any]:
            at = divmod(next(seconds), 60)
            time = f"2026-11-23T12:{at[0]:02}:{at[1]:02}.000000+00:00"
            return {"event": event, "run_id": run_id, "time": time, "schema": schema, **fields}

        def evaluation(epoch: int, event: str = "eval") -> list[dict[str, Any]]:
            return [
                record(
                    event,
                    epoch=epoch,
                    **({} if schema == 1 else {"step": epoch * max(steps)}),
                    split=split,
                    top1=values[epoch],
                    hits=round(values[epoch] * n[split]),
                    n=n[split],
                    head_top1=values[epoch],
                    nearest_top1=values[epoch] / 2,
                    recall_at_10=0.9,
                    mrr_at_10=0.5,
                    seconds=0.5,
                )
                for split, values in top1.items()
            ]

        epochs = len(top1["validation"]) - 1
        best = max(range(epochs + 1), key=lambda epoch: top1["validation"][epoch])
        resolved = {
            "variant": variant,
            "layernorm": layernorm,
            "relu": relu,
            "seed": seed,
            "epochs": epochs,
            "lr": 5e-05,
            "negatives": "falling",
            "hard_ratio_start": 0.8,
            "hard_ratio_step": -0.1,
            **(config or {}),
        }
        said_by_digest = ("variant", "data_dir", "encoder", "layers", "recipe", "negatives")
        deciding = {
            **{name: value for name, value in resolved.items() if name not in said_by_digest},
            "corpus": digest(resolved.get("data_dir")),
            "encoder": digest([resolved.get("encoder"), resolved.get("layers")]),
            "init_from": None,
            **(decides or {}),
        }
        records = [
            record(
                "run_start",
                config=resolved,
                **({} if schema == 1 else {"decides": deciding}),
                variant=variant,
                corpus={
                    split: {"pairs": points, "incomplete": 0, "leaked": 0, "kept": points}
                    for split, points in n.items()
                },
                versions={"python": "3.11.7", "torch": "2.13.0"},
                device={"type": "cpu", "name": "cpu"},
                seed=seed,
                parameters=22_713_216,
                git_commit=None,
            )
        ]
        records += ([] if schema == 1 else evaluation(0, "untrained")) + evaluation(0)
        for epoch in range(epochs):
            records.append(
                record(
                    "mine",
                    epoch=epoch,
                    hard_ratio=round(0.8 - 0.1 * epoch, 10),
                    hard=32,
                    random=8,
                    passed_over=1,
                    positive_distance=[0.5, 0.75, 1.0],
                    negative_distance=[1.0, 1.25, 1.5],
                    seconds=0.25,
                )
            )
            for step in steps:
                records.append(
                    record(
                        "step",
                        epoch=epoch,
                        step=epoch * max(steps) + step,
                        loss=2.0 / (1 + epoch),
                        triplet_loss=1.0 / (1 + epoch),
                        positive_loss=0.5 / (1 + epoch),
                        negative_loss=0.5 / (1 + epoch),
                        lr=5e-05,
                        grad_norm=1.5,
                        triplets_per_second=100.0,
                    )
                )
            for part, value in enumerate(within if epoch == 0 else (), start=1):
                at = {"step": part * max(steps) // (len(within) + 1), "top1": value}
                records += [line | at for line in evaluation(0)]
            records += evaluation(epoch + 1)
            name = f"checkpoints/{run_id}/{epoch + 1}"
            records.append(record("checkpoint", epoch=epoch + 1, path=name, best=epoch + 1 == best))
        if status == "completed":
            records += [
                record(
                    "pools",
                    epoch=best,
                    split=split,
                    pool=pool,
                    top1=0.25,
                    hits=4,
                    n=n[split],
                    head_top1=0.2,
                )
                for split in ("validation", "test")
                for pool in ("sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa")
            ]
        if status is not None:
            records.append(
                record(
                    "run_end",
                    status=status,
                    reason="all epochs done" if status == "completed" else "stopped by the user",
                    best_epoch=best,
                    top1={split: values[best] for split, values in top1.items()},
                    seconds=60.0,
                )
            )
        return records

    return build


@pytest.fixture
def runlog_text(runlog_lines: Callable[..., list[dict[str, Any]]]) -> Callable[..., str]:
    """`runlog_text(…) -> str`: the records of `runlog_lines(…)`, one JSON object a line."""

    def build(**options: Any) -> str:
        records = runlog_lines(**options)
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)

    return build


@pytest.fixture
def read_runs(tmp_path: Path, runlog_text: Callable[..., str]) -> Callable[..., Log]:
    """`read_runs(run, …, **usual)`: each a dict of arguments of `runlog_text`, laid over `usual`;
    written as r0.jsonl, r1.jsonl, … and read as one Log."""

    def build(*runs: dict[str, Any], **usual: Any) -> Log:
        for number, run in enumerate(runs):
            arguments = {"run_id": f"r{number}", **usual, **run}
            (tmp_path / f"r{number}.jsonl").write_text(runlog_text(**arguments), encoding="utf-8")
        return logs.read([tmp_path])

    return build


@pytest.fixture
def predicted() -> Callable[..., pl.DataFrame]:
    """`predicted({pair_id: answer, …}, split="test") -> frame`: a file of predictions as `train`
    writes it. An answer of None is the own counter. `words` and `leaked` may name pairs.
    """

    def build(
        answers: Mapping[str, str | None],
        split: str = "test",
        words: Mapping[str, int] | None = None,
        leaked: Sequence[str] = (),
    ) -> pl.DataFrame:
        rows = [
            {
                "split": split,
                "pair_id": pair,
                "leaked": pair in leaked,
                "point_words": (words or {}).get(pair, 10),
                "nearest_rank": 1,
                "rescored_rank": 2 if answer else 1,
                "candidates": [f"{pair}/counter", answer or "d/other/pro/01/counter"],
                "distances": [0.5, 0.75],
                "scores": [1.0, 2.0 if answer else 0.5],
            }
            for pair, answer in answers.items()
        ]
        return pl.DataFrame(rows)

    return build


@pytest.fixture
def answered(tmp_path: Path, predicted: Callable[..., pl.DataFrame]) -> Callable[..., None]:
    """`answered(domain, …)`: predictions beside runs r0 and r1, a point for each name of a domain.

    r0 answers all but the first, r1 none.
    """

    def build(*domains: str) -> None:
        pairs = [f"{domain}/tax/pro/{number}" for number, domain in enumerate(domains)]
        wrong = {pair: f"{pairs[0]}/point" for pair in pairs}
        for run, given in (("r0", wrong | dict.fromkeys(pairs[1:])), ("r1", wrong)):
            predicted(given).write_parquet(tmp_path / f"{run}.predictions.parquet")

    return build


@pytest.fixture
def answers() -> Callable[..., pl.DataFrame]:
    """`answers(run_id, {pair_id: answer, …}, split="test")`: rows of PREDICTIONS; None is the own
    counter. `words` and `leaked` may name pairs; `clusters`: the cluster of each point."""

    def build(
        run_id: str,
        given: Mapping[str, str | None],
        split: str = "test",
        words: Mapping[str, int] | None = None,
        leaked: Sequence[str] = (),
        clusters: Sequence[int] | None = None,
    ) -> pl.DataFrame:
        rows = [
            {
                "run_id": run_id,
                "split": split,
                "pair_id": pair,
                "cluster": clusters[number] if clusters else None,
                "leaked": pair in leaked,
                "point_words": (words or {}).get(pair, 10),
                "nearest_rank": 1,
                "rescored_rank": 1 if answer is None else 2,
                "hit": answer is None,
                "answer": answer or f"{pair}/counter",
            }
            for number, (pair, answer) in enumerate(given.items())
        ]
        return pl.DataFrame(rows, schema=PREDICTIONS)

    return build


@pytest.fixture
def experiment(
    read_runs: Callable[..., Log], answers: Callable[..., pl.DataFrame]
) -> Callable[..., Log]:
    """`experiment({(layernorm, relu): {seed: hits, …}, …}, **usual)`: runs that answer test points.

    `hits`: a 1 or 0 a point, or None for a run without predictions. A point has the pair_id
    `POINT.format(its debate, its number)`, two points a debate. `clusters` and `split` are passed
    to `answers`, what else there is to `read_runs`.
    """

    def build(
        cells: Mapping[tuple[bool, bool], Mapping[int, Sequence[int] | None]],
        split: str = "test",
        clusters: Sequence[int] | None = None,
        **usual: Any,
    ) -> Log:
        runs = [(*cell, seed, hits) for cell, of in cells.items() for seed, hits in of.items()]
        log = read_runs(
            *({"layernorm": ln, "relu": relu, "seed": seed} for ln, relu, seed, _ in runs), **usual
        )
        found = [pl.DataFrame(schema=PREDICTIONS)]
        for number, (*_, hits) in enumerate(runs):
            pairs = {
                POINT.format(point // 2, point): None if hit else "law/other/pro/1/point"
                for point, hit in enumerate(hits or ())
            }
            found.append(answers(f"r{number}", pairs, split=split, clusters=clusters))
        return replace(log, predictions=pl.concat(found))

    return build


@pytest.fixture(scope="session")
def real_legacy_logs() -> Path:
    """The folder of the two real legacy logs, which are not committed; skips where absent."""
    shared = os.environ.get("COUNTERARGUMENT_SHARED")
    root = Path(shared) if shared else Path(__file__).parents[2].parent / "shared"
    folder = root / "legacy-logs"
    if not folder.is_dir():
        pytest.skip(f"{folder}: the real legacy logs are not here (set COUNTERARGUMENT_SHARED)")
    return folder

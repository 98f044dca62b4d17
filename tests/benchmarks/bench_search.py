"""Mining and evaluating one split against the reference way, and how their cost grows.

    python tests/benchmarks/bench_search.py                  # 1k and 4k pairs; ours up to 16k
    python tests/benchmarks/bench_search.py all growth.png   # reference to 16k, ours to 250k, drawn

The reference way searches by a ball tree of leaf size 2 and has the pair head judge one pair after
the other. Both mine a hard negative for every pair, rank every point's ten candidates, and must
come to the same answers. Encoding is not part of it: the embeddings are drawn around centres, a
debate each. Every size runs in a process of its own, so that each peak of memory is its own.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import BallTree
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from sidebyside import in_turns, line, ratios  # noqa: E402 - the paths must be known first

from biencoder.data.corpus import Split  # noqa: E402
from biencoder.model.biencoder import SIMILARITY_SIZE, BiEncoder  # noqa: E402
from biencoder.retrieval.embedding import Embeddings  # noqa: E402
from biencoder.retrieval.pools import retrieve  # noqa: E402
from biencoder.retrieval.ranking import K, rank  # noqa: E402
from biencoder.training.negatives import mine  # noqa: E402

HIDDEN = 384
#: Pairs → turns of both ways; 0: ours alone, once.
USUAL = {1_000: 5, 4_000: 5, 16_000: 0}
ALL = {1_000: 5, 4_000: 5, 16_000: 1, 64_000: 0, 250_000: 0}


def make(pairs: int) -> tuple[Split, Embeddings, BiEncoder]:
    """A split of distinct texts, their embeddings, eight to a debate, and an untrained head."""
    debate = np.arange(pairs) // 8
    frame = pd.DataFrame(
        {
            "domain": debate % 15,
            "title": debate,
            "stance": "pro",
            "number": np.arange(pairs),
            "point": [f"point {number}" for number in range(pairs)],
            "counter": [f"counter {number}" for number in range(pairs)],
        }
    )
    rng = np.random.default_rng(0)
    debates = rng.standard_normal((pairs // 4, SIMILARITY_SIZE), dtype=np.float32)
    sim = debates[rng.integers(len(debates), size=2 * pairs)]
    sim += 0.5 * rng.standard_normal(sim.shape, dtype=np.float32)
    h = rng.standard_normal((2 * pairs, HIDDEN), dtype=np.float32)
    torch.manual_seed(0)
    encoder = nn.Module()
    encoder.config = SimpleNamespace(hidden_size=HIDDEN)
    model = BiEncoder(encoder, pooling="mean", layernorm=True, relu=True, fusion="concatenated")
    embeddings = Embeddings(torch.from_numpy(sim), torch.from_numpy(h))
    return Split("training", frame), embeddings, model.eval()


def ours(split: Split, embeddings: Embeddings, model: BiEncoder) -> tuple[np.ndarray, np.ndarray]:
    """(place of each point's own counter after rescoring, each pair's hard negative)."""
    ranking = rank(split, embeddings, model)
    mined = mine(split, embeddings.sim, 1.0, 0, 0, retrieved=ranking.candidates)
    return ranking.rescored_rank, mined.text_ids


@torch.no_grad()
def reference(
    split: Split, embeddings: Embeddings, model: BiEncoder
) -> tuple[np.ndarray, np.ndarray]:
    """The same, by a ball tree of leaf size 2 and one pair at a time."""
    sim, h = embeddings.sim, embeddings.h
    points, pool = split.point_ids, split.candidate_ids
    tree = BallTree(sim[pool].numpy(), leaf_size=2)
    places = np.zeros(len(split), dtype=np.int64)
    for query, near in enumerate(tree.query(sim[points].numpy(), K + 1)[1]):
        point = points[query]
        candidates = [row for row in near if pool[row] != point][:K]
        scores = [
            float(model.pair_score(sim[point], h[point], sim[pool[row]], h[pool[row]]))
            for row in candidates
        ]
        best_first = [candidates[place] for place in np.argsort(-np.array(scores), kind="stable")]
        places[query] = best_first.index(query) + 1 if query in best_first else 0
    tree = BallTree(sim.numpy(), leaf_size=2)
    negatives = np.zeros(len(split), dtype=np.int64)
    for pair, near in enumerate(tree.query(sim[points].numpy(), 3)[1]):
        own = (points[pair], split.counter_ids[pair])
        negatives[pair] = next(text for text in near if text not in own)
    return places, negatives


def measure(pairs: int, turns: int) -> None:
    """Time one size, and print a line of seconds and megabytes for `main` to collect."""
    made = make(pairs)
    answers = {}
    # Once: the first use of a split numbers its texts, which is the corpus's work.
    _ = made[0].candidate_ids

    def timed(way):
        def run() -> float:
            clock = time.perf_counter()
            answers[way] = way(*made)
            return time.perf_counter() - clock

        return run

    peers = {"reference": timed(reference)} if turns else {}
    found = in_turns({**peers, "ours": timed(ours)}, max(turns, 1))
    clock = time.perf_counter()
    retrieve(*made)
    pools = time.perf_counter() - clock
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{pairs:,} pairs; peak of the whole process {megabytes:,.0f} MB")
    for name, seconds in found.items():
        print(line(name, seconds, " s"))
    print(f"  {'the eight pools, once':34}{pools:>10.1f} s")
    if turns:
        print(line("times as fast", ratios(found["reference"], found["ours"])))
        same = all(map(np.array_equal, answers[reference], answers[ours]))
        print(f"  {'identical answers':34}{'yes' if same else 'NO':>10}")
    medians = {name: float(np.median(seconds)) for name, seconds in found.items()}
    print(f"#{pairs} {medians.get('reference', 'nan')} {medians['ours']} {megabytes}")


def draw(rows: list[list[float]], path: Path) -> None:
    """Seconds and peak memory against pairs, both axes logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    pairs, reference_seconds, our_seconds, megabytes = np.array(rows).T
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(pairs, reference_seconds, "s--", label="reference: ball tree, pair by pair")
    left.plot(pairs, our_seconds, "o-", label="exact search, batched")
    left.plot(pairs, our_seconds[1] * (pairs / pairs[1]) ** 2, ":", color="grey", label="quadratic")
    left.set(ylabel="seconds", title="mine and evaluate")
    left.legend(fontsize="small")
    right.plot(pairs, megabytes, "o-")
    right.set(ylabel="MB", title="peak memory of the whole process")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="pairs")
        axes.grid(alpha=0.3)
    right.set_ylim(100, 10_000)
    figure.savefig(path, dpi=150)
    print(f"drew {path}")


def main() -> None:
    sizes = ALL if "all" in sys.argv else USUAL
    rows = []
    for pairs, turns in sizes.items():
        command = [sys.executable, __file__, "one", str(pairs), str(turns)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        *table, figures = printed.splitlines()
        print("\n".join(table), flush=True)
        rows.append([float(figure) for figure in figures[1:].split()])
    if len(sys.argv) > 2:
        draw(rows, Path(sys.argv[2]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        measure(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

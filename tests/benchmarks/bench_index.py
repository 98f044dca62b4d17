"""Making an index and asking it: seconds, memory, and what the graph finds, by number of texts.

    python tests/benchmarks/bench_index.py                  # 50,000 and 500,000 texts: half an hour
    python tests/benchmarks/bench_index.py 20000 2000       # sizes, and texts for the encoder

The texts are sentences of the sample corpus in chance order, 150 words each. Their vectors are
drawn around centres, a debate each, but for the row `encoder`: there the default encoder embeds a
few thousand, from which its time for all follows. Questions are embedded by it throughout. Each row
is a process of its own, so that each peak of memory is its own; seconds of the processor stand
beside those of the clock, which other work on the machine lengthens.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from biencoder.config import Config  # noqa: E402 - the path must be known first
from biencoder.data.sources import Texts, load  # noqa: E402
from biencoder.model import encoder  # noqa: E402
from biencoder.model.biencoder import SIMILARITY_SIZE, build  # noqa: E402
from biencoder.retrieval import graph, text_index  # noqa: E402
from biencoder.retrieval.embedding import Embeddings  # noqa: E402
from biencoder.retrieval.retriever import Retriever  # noqa: E402
from biencoder.storage import index_files, run_checkpoints  # noqa: E402
from biencoder.storage.progress import Progress, State  # noqa: E402

SIZES, ENCODED = (50_000, 500_000), 5_000
WORDS, TURNS, QUESTIONS = 150, 20, 1_000


@contextmanager
def clocked(what: str) -> Iterator[None]:
    """Print the seconds of a block, by the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"  {what:42}{time.perf_counter() - wall:9.2f} s{time.process_time() - cpu:9.2f} s")


def made_up(count: int) -> Texts:
    """Texts of about `WORDS` words."""
    sentences = [s for text in load(None).texts for s in text.split(". ")]
    many = WORDS * len(sentences) // sum(len(s.split()) for s in sentences)
    drawn = np.random.default_rng(0).integers(len(sentences), size=(count, many))
    texts = [". ".join(sentences[n] for n in row) for row in drawn]
    return Texts([f"t{number}" for number in range(count)], texts)


def save_model(folder: Path) -> None:
    """Save a model of the default encoder, which nobody trained, as a checkpoint."""
    config = Config()
    torch.manual_seed(0)
    pretrained, tokenizer = encoder.load(config.encoder, config.pooling, config.max_length)
    state = State(run_id="bench", config=config, progress=Progress(stage="evaluated"))
    model = build(config, pretrained, "float32")
    run_checkpoints.save(
        folder / "run" / "epoch-0000-step-000000-evaluated", model, tokenizer, state, {}, best=True
    )


def retriever(folder: Path, index: Path | None = None) -> Retriever:
    return Retriever.load("run", folder, "cpu", None, index)


def encode(folder: Path, count: int) -> None:
    """Make an index of a few texts by the encoder."""
    texts, saved = made_up(count), retriever(folder)
    with clocked("embed and write"):
        text_index.make(
            folder / "encoded", saved._digest, texts, saved._embed, saved.model, saved.device
        )


def make(folder: Path, count: int) -> None:
    """Make an index of many texts with vectors that are drawn, and its graph."""
    with clocked("make up the texts"):
        texts = made_up(count)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((count // 8, SIMILARITY_SIZE), dtype=np.float32)

    def drawn(chunk: list[str], _: str) -> Embeddings:
        sim = centres[rng.integers(len(centres), size=len(chunk))]
        sim += 0.5 * rng.standard_normal(sim.shape, dtype=np.float32)
        h = rng.standard_normal((len(chunk), 384), dtype=np.float32)
        return Embeddings(torch.from_numpy(sim), torch.from_numpy(h))

    index, saved = folder / str(count), retriever(folder)
    with clocked("digest of the texts"):
        _ = texts.digest
    with clocked("distinct texts, hubness, files, checksums"):
        text_index.make(index, saved._digest, texts, drawn, saved.model, saved.device)
    size = sum(path.stat().st_size for path in index.iterdir())
    print(f"  {'on disk':42}{size / 1e6:9.0f} MB")


def add_graph(folder: Path, count: int) -> None:
    """Add the graph."""
    index = retriever(folder, folder / str(count)).index
    with clocked("build, and measure recall"):
        text_index.add_graph(index)
    print(f"  {'recall at 10':42}{index_files.read(index.folder).recall:9.1%}")
    print(f"  {'on disk':42}{(index.folder / index_files.GRAPH).stat().st_size / 1e6:9.0f} MB")


def ask(folder: Path, count: int) -> None:
    """Ask an index: the first question, one more, many."""
    with clocked("load the model"):
        saved = retriever(folder, folder / str(count))
    questions = [text.split(". ")[0] for text in made_up(QUESTIONS).texts]
    with clocked("open the index, checksums included"):
        index = saved.index
    with clocked("first question"):
        saved.retrieve(questions[:1])
    walls, cpus, searches = [], [], []
    for number in range(TURNS):
        one = questions[number : number + 1]
        sim = saved._embed(one, "question").sim
        start = time.process_time()
        index.nearest(one, sim, 10)
        searches.append(time.process_time() - start)
        wall, cpu = time.perf_counter(), time.process_time()
        saved.retrieve(one)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    print(f"  {'a question, warm':42}{np.median(walls):9.3f} s{np.median(cpus):9.3f} s")
    print(f"  {'of it the search':42}{'':11}{np.median(searches):9.4f} s")
    with clocked(f"{QUESTIONS:,} questions at once"):
        saved.retrieve(questions)


def exact(folder: Path, count: int) -> None:
    """Ask an index without its graph."""
    graph.is_installed = lambda: False
    ask(folder, count)


STEPS = {"encoder": encode, "make": make, "exact": exact, "graph": add_graph, "by graph": ask}


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    *sizes, encoded = given or [*SIZES, ENCODED]
    print(f"{'':44}{'clock':>11}{'processor':>11}")
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        rows = [("encoder", encoded), *((step, n) for n in sizes for step in list(STEPS)[1:])]
        for step, count in rows:
            subprocess.run([sys.executable, __file__, step, folder, str(count)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        _, name, place, number = sys.argv
        print(f"{int(number):,} texts, {name}")
        STEPS[name](Path(place), int(number))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {'peak memory':42}{peak:9,.0f} MB", flush=True)
    else:
        main()

"""Formats lines that a run prints about its data, its progress and its result."""

from tqdm import tqdm

from biencoder.data.corpus import Split
from biencoder.data.counts import counted
from biencoder.runtime.console import percent
from biencoder.storage.progress import Progress
from biencoder.training.throughput import Rates


def closing_line(progress: Progress) -> str:
    """Format the best epoch's figures beside the untrained encoder's.

    Those of the pair head alone stand there, too, where hubness changes any: the untrained
    encoder's are without it.
    """
    best = progress.best
    heads = best.head_top1 if best.head_top1 != best.top1 else {}
    splits = []
    for name, share in best.top1.items():
        beside = [f"pair head alone {percent(heads[name])}"] if name in heads else []
        beside.append(f"untrained encoder {percent(progress.untrained[name])}")
        splits.append(f"{name} {percent(share)} ({', '.join(beside)})")
    return f"best epoch {best.epoch}: {', '.join(splits)}"


def progress_note(loss: float, rates: Rates, pairs_left: float) -> str:
    """Format the loss, how fast training is, and the time until the last epoch is trained."""
    to_go = tqdm.format_interval(pairs_left / rates.triplets_per_second)
    return (
        f"loss {loss:.3f}, {to_go} of training to go, {rates.triplets_per_second:.1f} pairs/s, "
        f"{rates.tokens_per_second:,.0f} tokens/s, {rates.padding:.0%} padding, "
        f"{rates.matrix_share:.0%} of the matrix rate, peak {rates.peak_memory / 1e9:.1f} GB"
    )


def describe(split: Split, truncation: dict[str, float], max_length: int) -> str:
    """Return a split's pairs, what was left out of it, and what truncation costs."""
    counts = split.counts
    parts = [f"{counted(counts['kept'], 'pair')} of {counted(counts['points'], 'point')}"]
    if counts["leaked"]:
        parts.append(f"{counts['leaked']:,} dropped: a text stands in validation or test too")
    if split.dropped:
        parts.append(split.passed_over)
    if truncation["texts_cut"]:
        parts.append(
            f"{truncation['texts_cut']:.0%} of texts cut at {max_length} tokens, "
            f"{truncation['tokens_lost']:.0%} of all tokens lost"
        )
    if truncation["texts_alike"]:
        parts.append(f"{truncation['texts_alike']:,} texts have the same tokens as another")
    return "; ".join(parts)

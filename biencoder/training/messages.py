"""Formats lines that a run prints about its data and its result."""

from biencoder.data.corpus import Split
from biencoder.data.summary import counted, reasons
from biencoder.runtime.console import percent
from biencoder.storage.progress import Progress


def closing_line(progress: Progress) -> str:
    """Format the best epoch's figures beside the untrained encoder's."""
    beside = [
        f"{name} {percent(share)} (untrained encoder {percent(progress.untrained[name])})"
        for name, share in progress.best.top1.items()
    ]
    return f"best epoch {progress.best.epoch}: {', '.join(beside)}"


def describe(split: Split, truncation: dict[str, float], max_length: int) -> str:
    """Return a split's pairs, what was left out of it, and what truncation costs."""
    counts = split.counts
    parts = [f"{counted(counts['kept'], 'pair')} of {counted(counts['points'], 'point')}"]
    if counts["leaked"]:
        parts.append(f"{counts['leaked']:,} dropped: a text stands in validation or test too")
    if split.dropped:
        parts.append(f"passed over: {reasons(split.dropped)}")
    if truncation["texts_cut"]:
        parts.append(
            f"{truncation['texts_cut']:.0%} of texts cut at {max_length} tokens, "
            f"{truncation['tokens_lost']:.0%} of all tokens lost"
        )
    if truncation["texts_alike"]:
        parts.append(f"{truncation['texts_alike']:,} texts have the same tokens as another")
    return "; ".join(parts)

"""Writes the README.md of an exported model: what it is, its figures, how to use it."""

import json
from collections.abc import Mapping

from biencoder.data.counts import counted
from biencoder.storage.progress import State

#: Points of one debate are answered alike, so that a share is as uncertain as one of n / 1.7 points
#: that have nothing to do with each other; measured on the published runs.
DESIGN_EFFECT = 1.7

#: The standard normal quantile of a 95 % interval.
Z = 1.959964

#: A whole program, to be run in the folder of the model.
EXAMPLE = """\
import torch
from sentence_transformers import SentenceTransformer

from rescore import PairHead, embed  # rescore.py lies in this folder: run Python here

model, head = SentenceTransformer("."), PairHead(".")
point = "Homework should be abolished."
texts = [
    "Homework takes up the evenings of children.",
    "Homework teaches children to plan their time and to work without a teacher at their side.",
    "Trains should be free.",
]
asked, candidates = embed(model, [point]), embed(model, texts)

# The nearest by Euclidean distance; ten of them in all figures above.
distances = torch.cdist(asked[0], candidates[0])[0]
nearest = distances.argsort()[:10]

# The pair head has the last word.
log_odds = head.log_odds(asked, (candidates[0][nearest], candidates[1][nearest]))
for place in log_odds.argsort(descending=True):
    row = nearest[place]
    print(f"{log_odds[place].sigmoid():.3f}  {distances[row]:.2f}  {texts[row]}")
"""


def model_card(state: State, points: Mapping[str, int]) -> str:
    """Write the card of the run's best model; `points` counts those of each split."""
    config, progress = state.config, state.progress
    data = config.data_dir or "the sample corpus of counterargument-biencoder"
    leaked = "dropped from" if config.leaked_pairs == "drop" else "kept in"
    best = progress.best
    figures = "\n".join(
        f"| {split} | {points[split]:,} | {_interval(share, points[split])} "
        + (f"| {best.head_top1[split]:.1%} " if split in best.head_top1 else "| – ")
        + f"| {progress.untrained[split]:.1%} |"
        for split, share in best.top1.items()
    )
    hubness = (
        f"How well a candidate's own ten nearest texts answer it counts against it, its hubness: "
        f"{config.hubness_weight:g} of the log-sum-exp of their log-odds.\n"
        if config.hubness_weight
        else ""
    )
    settings = json.dumps(config.to_json(), indent=2)
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {state.run_id}

A bi-encoder that retrieves the best counter-argument to a point: `{config.encoder}`, variant
`{config.variant}`, after {counted(progress.epoch, "epoch")} on {data}. Training pairs that share a
text with validation or test were {leaked} training.

## Figures

| split | points | top-1 [95 % interval] | pair head alone | untrained encoder |
| --- | ---: | ---: | ---: | ---: |
{figures}

top-1 is the share of points whose own counter is the answer: of the split's counters and other
points, the ten nearest by Euclidean distance are rescored by the pair head, and the best is the
answer. {hubness}The rules:

- A text is not its own counter: candidates equal to the point are passed over.
- Copies of the counter, and further counters of an equal point, are no wrong answers, and are
  passed over, too.
- Texts are equal after Unicode NFC, with each run of white space as one blank.
- Validation chose the epoch, test was only reported. The untrained encoder answers with the nearest
  text by the cosine of its pooled vectors.

Intervals are Wilson's, with points of one debate counted as partly one. They are for other points:
another seed gives other figures, too, and other domains or languages may do worse.

## Use

`SentenceTransformer` loads this folder and embeds texts; `rescore.py` beside it is the pair head,
without hubness.

```python
{EXAMPLE}```

## Training configuration

```json
{settings}
```
"""


def _interval(share: float, n: int) -> str:
    """Format a share of `n` points with Wilson's interval (1927)."""
    n_alone = n / DESIGN_EFFECT
    middle = (share + Z**2 / (2 * n_alone)) / (1 + Z**2 / n_alone)
    spread = share * (1 - share) / n_alone + Z**2 / (4 * n_alone**2)
    half = spread**0.5 * Z / (1 + Z**2 / n_alone)
    return f"{share:.1%} [{max(0, middle - half):.1%}, {min(1, middle + half):.1%}]"

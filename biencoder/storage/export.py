"""Exports a trained model as a sentence-transformers folder, which loads without this package."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from biencoder.model.biencoder import SIMILARITY_SIZE, BiEncoder
from biencoder.runtime import distributed
from biencoder.storage import checkpoint
from biencoder.storage.atomic import whole_folder
from biencoder.storage.progress import State

FOLDER = "sentence-transformers"
PAIR_HEAD = "pair_head.safetensors"


@distributed.main_process_only
def export(model: BiEncoder, tokenizer: Any, run_dir: Path) -> None:
    """Write `<run_dir>/sentence-transformers/`; `SentenceTransformer(path).encode` gives `sim`.

    `model` is that of the run's best checkpoint. The pair head lies beside the modules as
    `PAIR_HEAD`, and README.md, the model card, says how to use it, how the model was trained and
    how well it does.
    """
    state = checkpoint.read_state(checkpoint.find(str(run_dir), run_dir.parent))
    config = state.config
    hidden = model.encoder.config.hidden_size
    path = run_dir / FOLDER
    with whole_folder(path) as folder:
        model.encoder.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        _write_json(folder / "sentence_bert_config.json", {"max_seq_length": config.max_length})
        # Vectors are compared by Euclidean distance, in training and in evaluation.
        _write_json(
            folder / "config_sentence_transformers.json", {"similarity_fn_name": "euclidean"}
        )
        modules = ["Transformer"]

        def add(kind: str, settings: dict[str, Any], layer: nn.Module | None = None) -> None:
            place = folder / f"{len(modules)}_{kind}"
            place.mkdir()
            modules.append(kind)
            _write_json(place / "config.json", settings)
            if layer is not None:
                prefix = {"Dense": "linear", "LayerNorm": "norm"}[kind]
                weights = {f"{prefix}.{n}": t.cpu() for n, t in layer.state_dict().items()}
                save_file(weights, place / "model.safetensors")

        add(
            "Pooling",
            {
                "word_embedding_dimension": hidden,
                "pooling_mode_mean_tokens": config.pooling == "mean",
                # BERT's pooler is a dense layer with tanh upon the first token's state.
                "pooling_mode_cls_token": config.pooling != "mean",
            },
        )
        if config.pooling == "pooler":
            pooler = model.encoder.pooler.dense
            add("Dense", _dense(hidden, hidden, "torch.nn.modules.activation.Tanh"), pooler)
        identity = "torch.nn.modules.linear.Identity"
        add("Dense", _dense(hidden, SIMILARITY_SIZE, identity), model.similarity)
        if config.layernorm:
            add("LayerNorm", {"dimension": SIMILARITY_SIZE}, model.sim_norm)
        _write_json(
            folder / "modules.json",
            [
                {
                    "idx": number,
                    "name": str(number),
                    "path": f"{number}_{kind}" if number else "",
                    "type": f"sentence_transformers.models.{kind}",
                }
                for number, kind in enumerate(modules)
            ],
        )
        head = {
            name: tensor.cpu()
            for part in ("head", "pooled_norm")
            for name, tensor in getattr(model, part).state_dict(prefix=f"{part}.").items()
        }
        save_file(head, folder / PAIR_HEAD)
        (folder / "README.md").write_text(model_card(state), "utf-8")


def model_card(state: State) -> str:
    """Write the README.md of an exported model: what it is, its figures, how to use both parts."""
    config = state.config
    data = config.data_dir or "the sample corpus of counterargument-biencoder"
    leaked = "dropped from" if config.leaked_pairs == "drop" else "kept in"
    figures = "\n".join(
        f"| {split} | {share:.1%} |" for split, share in state.progress.best.top1.items()
    )
    settings = json.dumps(config.to_json(), indent=2)
    norm = (
        "h = layer_norm(pooled, head['pooled_norm.weight'], head['pooled_norm.bias'])"
        if config.layernorm
        else "h = pooled"
    )
    activation = "relu(features)" if config.relu else "features"
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {state.run_id}

A bi-encoder that retrieves the best counter-argument to a point: `{config.encoder}`, variant
`{config.variant}`, after {state.progress.epoch} epochs on {data}. Training pairs that share
a text with validation or test were {leaked} training.

Top-1, the own counter against all other counters and points of the split, ten nearest rescored by
the pair head (validation chose the epoch; test was only reported):

| split | top-1 |
| --- | --- |
{figures}

One run of one seed: another seed gives other figures, and other domains or languages may do worse.

## Nearest neighbours

    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer("{FOLDER}")
    sim_p, *sim_c = model.encode([point, *candidates], convert_to_tensor=True)  # Euclidean distance

## The pair head

`{PAIR_HEAD}` rescores a point and a candidate from `sim` [{SIMILARITY_SIZE}] and the
pooled vector `h` (the output of the pooling, before the {SIMILARITY_SIZE}-dimensional Dense), with
fusion `{config.fusion}`:

    head = safetensors.torch.load_file("{PAIR_HEAD}")
    {norm}
    # concatenated: sim and h; only_embedding: sim alone; only_cls: h alone
    features = cat([sim_p, sim_c, abs(sim_p - sim_c), h_p, h_c, abs(h_p - h_c)])
    logits = {activation} @ head["head.weight"].T + head["head.bias"]  # class 1: is the counter

## Training configuration

```json
{settings}
```
"""


def _dense(inputs: int, outputs: int, activation: str) -> dict[str, Any]:
    return {
        "in_features": inputs,
        "out_features": outputs,
        "bias": True,
        "activation_function": activation,
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")

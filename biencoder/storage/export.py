"""Exports a trained model as a sentence-transformers folder, which loads without this package."""

import inspect
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from biencoder.model.biencoder import SIMILARITY_SIZE, BiEncoder
from biencoder.model.encoder import pooler_layer
from biencoder.runtime.main_process import main_process_only
from biencoder.storage import checkpoint, rescore, run_checkpoints
from biencoder.storage.atomic import whole_folder, write_json
from biencoder.storage.model_card import model_card

FOLDER = "sentence-transformers"
PAIR_HEAD = "pair_head.safetensors"


@main_process_only
def export(model: BiEncoder, tokenizer: Any, run_dir: Path, points: Mapping[str, int]) -> None:
    """Write `<run_dir>/sentence-transformers/`; `SentenceTransformer(path).encode` gives `sim`.

    `model` is that of the run's best checkpoint, `points` counts those of each split. The pair head
    lies beside the modules as `PAIR_HEAD`, and rescore.py applies it; README.md, the model card,
    says how to use both, how the model was trained and how well it does.
    """
    state = checkpoint.read_state(run_checkpoints.find(run_dir.name, run_dir.parent))
    config = state.config
    hidden = model.encoder.config.hidden_size
    path = run_dir / FOLDER
    with whole_folder(path) as folder:
        model.encoder.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        loading: dict[str, Any] = {"max_seq_length": config.max_length}
        takes = inspect.signature(type(model.encoder).__init__).parameters
        if config.pooling != "pooler" and "add_pooling_layer" in takes:
            # Or it would get a pooler of random weights, and its reader a warning.
            loading["model_args"] = {"add_pooling_layer": False}
        write_json(folder / "sentence_bert_config.json", loading)
        # Vectors are compared by Euclidean distance, in training and in evaluation.
        write_json(
            folder / "config_sentence_transformers.json", {"similarity_fn_name": "euclidean"}
        )
        modules = ["Transformer"]

        def add(kind: str, settings: dict[str, Any], layer: nn.Module | None = None) -> None:
            place = folder / f"{len(modules)}_{kind}"
            place.mkdir()
            modules.append(kind)
            write_json(place / "config.json", settings)
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
            tanh = "torch.nn.modules.activation.Tanh"
            add("Dense", _dense(hidden, hidden, tanh), pooler_layer(model.encoder))
        identity = "torch.nn.modules.linear.Identity"
        add("Dense", _dense(hidden, SIMILARITY_SIZE, identity), model.similarity)
        if config.layernorm:
            add("LayerNorm", {"dimension": SIMILARITY_SIZE}, model.sim_norm)
        write_json(
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
        save_pair_head(model, config.relu, folder)
        shutil.copyfile(rescore.__file__, folder / "rescore.py")
        (folder / "README.md").write_text(model_card(state, points), "utf-8")


def save_pair_head(model: BiEncoder, relu: bool, folder: Path) -> None:
    """Write `PAIR_HEAD`, as rescore.py reads it."""
    head = {
        name: tensor.cpu()
        for part in ("head", "pooled_norm")
        for name, tensor in getattr(model, part).state_dict(prefix=f"{part}.").items()
    }
    # One entry: several would be written in an order that changes from process to process.
    settings = json.dumps({"fusion": model.fusion, "relu": relu})
    save_file(head, folder / PAIR_HEAD, {"settings": settings})


def _dense(inputs: int, outputs: int, activation: str) -> dict[str, Any]:
    return {
        "in_features": inputs,
        "out_features": outputs,
        "bias": True,
        "activation_function": activation,
    }

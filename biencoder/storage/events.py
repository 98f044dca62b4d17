"""The run log's events: each a typed class, its fields with unit and meaning.

    python -m biencoder.storage.events > logs/schema.json    # the contract, as JSON Schema

`logs/README.md` says the same for people. A number may be NaN or infinite here; the log has null in
its place, see `RunLog.write`. A field without a value is left out of the line.
"""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, WithJsonSchema

#: Version of the contract; logs/README.md says what each changed.
SCHEMA = 2

#: A number that the log may have to write as null.
Number = Annotated[float, WithJsonSchema({"type": ["number", "null"]})]
Count = Annotated[int, Field(ge=0)]
SplitName = Literal["training", "validation", "test"]
PoolName = Literal["sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa"]
VariantName = Literal[
    "with_layernorm_relu", "with_layernorm", "with_relu", "without_layernorm_relu"
]
Quartiles = Annotated[list[Number], Field(min_length=3, max_length=3)]


class Part(BaseModel):
    """A value of several fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(Part):
    """One line of the log, but for what every line has."""

    name: ClassVar[str]


class SplitCounts(Part):
    """The pairs of a split."""

    pairs: Count = Field(description="Complete pairs in the corpus.")
    incomplete: Count = Field(description="Points without a counter and counters without a point.")
    dropped: dict[str, Count] = Field(
        description="How many rows, elements of lists or files make no pair, by reason; the "
        "incomplete ones among them."
    )
    leaked: Count = Field(
        description="Pairs dropped because validation or test holds one of their texts."
    )
    kept: Count = Field(description="Pairs that are used.")
    points: Count = Field(description="Distinct points of these pairs.")


class Truncation(Part):
    """What max_length costs a split."""

    texts_cut: float = Field(description="Share of the distinct texts that are cut, 0 to 1.")
    tokens_lost: float = Field(description="Share of all tokens that are cut off, 0 to 1.")
    texts_alike: Count = Field(
        description="Distinct texts that, once cut, have the same tokens as another one."
    )


class Device(Part):
    """What computes."""

    type: str = Field(description="Kind of device: cpu or cuda.")
    name: str = Field(description="The device's or the processor's name.")


class Provenance(Event):
    """Where a run takes place."""

    device: Device = Field(description="What computes.")
    threads: Count = Field(description="Threads of torch on the CPU.")
    processes: Count = Field(description="Processes that share the run.")
    precision: Literal["float32", "bfloat16"] = Field(
        description="What the encoder computes in; of --precision=auto what it chose."
    )
    gradient_cache: bool | None = Field(
        default=None,
        description="Whether gradients are cached: each batch is encoded twice, to save memory.",
    )
    versions: dict[str, str | None] = Field(
        description="Versions of Python and of the packages that decide a result; null: unknown."
    )
    git_commit: str | None = Field(
        description="Commit of the source, with -dirty where files had changed; null: unknown."
    )


#: What `decides` holds beside flags.
DECIDES: dict[str, Any] = {
    "corpus": {"type": "string", "description": "Digest of every pair and its texts."},
    "encoder": {
        "type": "string",
        "description": "Digest of the pretrained encoder's weights and of its tokenizer.",
    },
    "init_from": {
        "type": ["string", "null"],
        "description": "Digest of the first stage's weights; null: there is none.",
    },
}


class RunStart(Provenance):
    """A run begins: all that identifies it."""

    name: ClassVar[str] = "run_start"

    config: dict[str, Any] = Field(description="Every flag with its resolved value.")
    decides: dict[str, Any] = Field(
        description="All that decides the result: the flags that do, precision as resolved, and "
        "digests in the place of the names that content was given by.",
        json_schema_extra={"properties": DECIDES, "required": list(DECIDES)},
    )
    identity: str = Field(description="A hash of decides, 16 hexadecimal digits.")
    variant: VariantName = Field(description="Canonical name of the two switches.")
    corpus: dict[SplitName, SplitCounts] = Field(description="Pairs of each split.")
    notes: list[str] = Field(
        description="How the corpus was read: which columns are what and which are not used, how "
        "splits were made."
    )
    truncation: dict[SplitName, Truncation] = Field(description="What max_length costs each split.")
    seed: Count = Field(description="The seed.")
    parameters: Count = Field(description="Parameters of the model.")


class Resume(Provenance):
    """A run goes on after an interruption; records after it may repeat earlier ones."""

    name: ClassVar[str] = "resume"

    epoch: Count = Field(description="Epochs completed.")
    step: Count = Field(description="Optimiser steps done.")
    checkpoint: str | None = Field(
        description="Name of the checkpoint it goes on from; null: there was none, it begins anew."
    )


class Figures(Event):
    """Retrieval figures of a split, over all its points."""

    epoch: Count = Field(description="Epochs completed.")
    step: Count = Field(description="Optimiser steps done.")
    split: SplitName = Field(description="The split.")
    top1: Number = Field(description="Share of points whose answer is their own counter, 0 to 1.")
    hits: Count = Field(description="Number of these points.")
    n: Count = Field(description="Number of points; one of several counters counts for each.")
    head_top1: Number = Field(
        description="top1 by the pair head alone, without hubness, 0 to 1; see --hubness_weight."
    )
    nearest_top1: Number = Field(
        description="top1 by distance alone, without the pair head, 0 to 1."
    )
    recall_at_10: Number = Field(
        description="Share of points whose own counter is among the ten nearest, 0 to 1."
    )
    mrr_at_10: Number = Field(
        description="Mean reciprocal rank of the own counter after rescoring, 0 to 1; beyond the "
        "ten nearest it counts 0."
    )
    top1_unseen: Number | None = Field(
        default=None,
        description="top1 over the points of pairs that share no text with training, 0 to 1; "
        "logged with --leaked_pairs=keep.",
    )
    hits_unseen: Count | None = Field(default=None, description="hits over these points.")
    n_unseen: Count | None = Field(default=None, description="Number of these points.")
    seconds: float = Field(
        description="Wall seconds, embedding included where it was not done before."
    )


class Untrained(Figures):
    """The untrained encoder's figures: nearest neighbour by the cosine of its pooled vectors."""

    name: ClassVar[str] = "untrained"


class Eval(Figures):
    """The model's figures; epoch 0, step above 0: within the first epoch, validation alone."""

    name: ClassVar[str] = "eval"


class Margin(Event):
    """The triplet margin was measured, before the first step."""

    name: ClassVar[str] = "margin"

    margin: float = Field(description="The margin in the unit that the flag margin_unit names.")
    median_distance: Number = Field(
        description="Median Euclidean distance of point and counter over the training pairs."
    )
    euclidean: Number = Field(description="The margin as a Euclidean distance.")


class Mine(Event):
    """Every training pair got a new negative."""

    name: ClassVar[str] = "mine"

    epoch: Count = Field(description="Epochs completed.")
    hard_ratio: float = Field(description="Share of hard negatives asked for, 0 to 1.")
    hard: Count = Field(description="Pairs with a hard negative.")
    random: Count = Field(description="Pairs with a random negative.")
    passed_over: Count = Field(
        description="Candidates nearer than the hard negative taken but equal to one of the "
        "point's own texts."
    )
    positive_distance: Quartiles = Field(
        description="Quartiles of the Euclidean distance from point to counter."
    )
    negative_distance: Quartiles = Field(
        description="Quartiles of the Euclidean distance from point to negative."
    )
    seconds: float = Field(description="Wall seconds.")


class Step(Event):
    """An optimiser step, every log_every steps, and the last of each epoch."""

    name: ClassVar[str] = "step"

    epoch: Count = Field(description="Epochs completed when the step began.")
    step: Count = Field(description="Optimiser steps done, this one included.")
    loss: Number = Field(description="The whole loss: the sum of the parts, each times its weight.")
    triplet_loss: Number = Field(
        description="Triplet loss, in Euclidean distance between embeddings."
    )
    positive_loss: Number = Field(description="Cross-entropy of point and counter, in nats.")
    negative_loss: Number = Field(description="Cross-entropy of point and negative, in nats.")
    in_batch_loss: Number = Field(
        description="Cross-entropy among the batch's texts by the embeddings, in nats, not "
        "weighted; 0 without it."
    )
    listwise_loss: Number = Field(description="The same by the pair head, in nats; 0 without it.")
    lr: float = Field(description="The encoder's learning rate.")
    grad_norm: Number = Field(description="Euclidean norm of the gradient.")
    triplets_per_second: Number = Field(
        description="Pairs, with their negatives, a second since the last such line of the epoch, "
        "else since its training began or was taken up again."
    )
    tokens_per_second: Number | None = Field(
        default=None, description="Tokens encoded a second in that time, padding left out."
    )
    padding: Number | None = Field(
        default=None, description="Share of padding in all that was encoded in that time, 0 to 1."
    )
    matrix_share: Number | None = Field(
        default=None,
        description="Operations a second that the model needs, as a share of those of a matrix "
        "product, measured when the process began to train, 0 to 1.",
    )
    peak_memory: Count | None = Field(
        default=None,
        description="Most bytes taken so far: of a GPU by tensors, else resident by the process.",
    )


class Checkpoint(Event):
    """A checkpoint was written."""

    name: ClassVar[str] = "checkpoint"

    epoch: Count = Field(description="Epochs completed.")
    step: Count = Field(description="Optimiser steps done.")
    path: str = Field(description="Folder of the checkpoint.")
    best: bool = Field(description="Whether it is the best epoch so far.")


class Pools(Event):
    """Top-1 of the last epoch in one of the eight candidate pools."""

    name: ClassVar[str] = "pools"

    epoch: Count = Field(description="The last epoch.")
    split: SplitName = Field(description="The split.")
    pool: PoolName = Field(description="The pool.")
    top1: Number = Field(description="Share of points whose answer is their own counter, 0 to 1.")
    hits: Count = Field(description="Number of these points.")
    n: Count = Field(description="Number of points; one of several counters counts for each.")
    head_top1: Number = Field(
        description="top1 by the pair head alone, without hubness, 0 to 1; see --hubness_weight."
    )


class Warning(Event):
    """Something that deserves attention, and what was done."""

    name: ClassVar[str] = "warning"

    message: str = Field(description="What happened.")
    action: str = Field(description="What was done.")
    epoch: Count = Field(description="Epochs completed.")
    step: Count = Field(
        description="Optimiser steps done; with pair_ids the number of the step in question, from "
        "1."
    )
    pair_ids: list[str] | None = Field(
        default=None, description="Pairs of the step in question: domain/title/stance/number."
    )


class RunEnd(Event):
    """The run ends."""

    name: ClassVar[str] = "run_end"

    status: Literal["completed", "interrupted", "failed"] = Field(description="How it ends.")
    reason: str | None = Field(description="Why, where it is not completed; else null.")
    best_epoch: Count | None = Field(
        description="Best epoch by validation; null: none was evaluated."
    )
    top1: dict[SplitName, Number] = Field(description="top1 of each split at the best epoch.")
    predictions_sha256: str = Field(
        default="", description="Checksum of <run_id>.predictions.parquet; left out without one."
    )
    seconds: float = Field(
        description="Wall seconds of all parts of the run, without work that was lost between the "
        "last checkpoint and a kill."
    )


EVENTS: tuple[type[Event], ...] = (
    RunStart,
    Resume,
    Untrained,
    Eval,
    Margin,
    Mine,
    Step,
    Checkpoint,
    Pools,
    Warning,
    RunEnd,
)

#: What every line has, beside its event's own fields.
COMMON: dict[str, dict[str, Any]] = {
    "event": {"type": "string", "description": "Name of the event."},
    "run_id": {"type": "string", "description": "Name of the run, and of its files."},
    "time": {
        "type": "string",
        "format": "date-time",
        "description": "When the line was written, ISO 8601, UTC.",
    },
    "schema": {"const": SCHEMA, "description": "Version of this contract."},
    "nonfinite": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Fields that hold a null because a number is not finite, a part of one as "
        "field.part; else left out.",
    },
}


def json_schema() -> dict[str, Any]:
    """The contract as a JSON Schema 2020-12 document: what a line of the log may be."""
    lines, definitions = [], {}
    for event in EVENTS:
        own = event.model_json_schema()
        definitions.update(own.pop("$defs", {}))
        common = COMMON | {"event": {"const": event.name, "description": "Name of the event."}}
        required = [name for name in common if name != "nonfinite"] + own.get("required", [])
        lines.append(own | {"properties": common | own["properties"], "required": required})
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": f"A line of the run log, schema {SCHEMA}",
        "oneOf": lines,
        "$defs": definitions,
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))

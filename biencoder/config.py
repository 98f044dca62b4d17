"""Defines and validates every flag of `train`, as the fields of one frozen model."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, model_validator

from biencoder.recipes import RECIPES, SCHEDULES
from biencoder.variants import ALIASES, VARIANTS, canonical_name

STRONG = RECIPES["strong"]

#: Typed `Any`: a type checker overlooks defaults that pydantic's `Field` gets by position, and
#: would ask for every argument of `Config(epochs=3)`.
Field: Any = pydantic.Field

#: What a run may be called: a name that stays in its folder and prints as it is.
RUN_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"


#: See `data.tables.columns`.
_ROLE = r"(point|counter|split|debate|stance|domain|number|id|label|_)=[^,=]+"
Columns = Annotated[str, Field(pattern=rf"^({_ROLE}(,{_ROLE})*|[^,=]+(,[^,=]+)+)$")]

Count = Annotated[int, Field(ge=1)]
Ratio = Annotated[float, Field(ge=0, le=1)]
DeviceName = Literal["auto", "cpu", "cuda"]
VariantName = Literal[
    "with_layernorm_relu",
    "with_layernorm",
    "without_relu",
    "with_relu",
    "without_layernorm",
    "without_layernorm_relu",
]


#: Flags that change no result: where files go, how often something is logged, what computes. Names
#: and paths are among them, because `identity.decides` holds digests of what they stand for.
NOT_DECIDING = {
    *("log_dir", "checkpoint_dir", "run_id", "resume", "first_epoch_evals"),
    *("log_every", "checkpoint_every", "device", "gradient_cache"),
    *("recipe", "variant", "negatives", "data_dir", "columns", "encoder", "layers", "init_from"),
}


def _spelled(recipe: dict[str, Any]) -> str:
    return " ".join(f"--{flag}={value}" for flag, value in recipe.items())


class Config(BaseModel):
    """Fine-tune a shared BERT bi-encoder on pairs of point and counter, with --triplet_weight on
    mined negatives, too. Evaluate top-1 on training, validation and test after every epoch, and
    write logs/<run_id>.jsonl.

    With no flag at all it trains on the embedded sample corpus with the packaged encoder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    removed_flags: ClassVar[dict[str, str]] = {
        "asymmetric": "a point's copies are passed over now, which gains more than its map did",
        "trec": "biencoder evaluate --checkpoint=RUN_ID --trec=True writes these files",
    }

    recipe: Literal["strong", "documented"] = Field(
        "strong",
        description="A named set of flags. strong: their defaults, what has shown to pay; "
        f"documented, the experiment's own objective: {_spelled(RECIPES['documented'])}.",
    )
    data_dir: Path | None = Field(
        None,
        description="Pairs to learn from: a table (CSV, TSV, JSONL, Parquet), a folder with one a "
        "split, BEIR's layout, or a folder tree; unset: the sample corpus.",
    )
    columns: Columns | None = Field(
        None,
        examples=["point=NAME,counter=NAME", "point,counter,_"],
        description="Which column of a table is what, where its name does not say: "
        "point=NAME,counter=NAME, also split, debate, stance, domain, number, id, label, and "
        "_=NAME for one to leave out. For a file without a header: the names of its columns, in "
        "order, as point,counter,_.",
    )
    encoder: str = Field(
        "all-MiniLM-L6-v2",
        description="The packaged all-MiniLM-L6-v2, a local model folder, or a hub name such as "
        "bert-base-uncased.",
    )
    layers: Count | None = Field(
        None, description="Layers of the encoder to keep, from the first on; unset: all."
    )
    pooling: Literal["mean", "cls", "pooler"] = Field(
        "mean",
        description="How token states become one vector. mean: their mean; cls: the first "
        "token's state; pooler: that state after the encoder's pooler layer.",
    )
    max_length: int = Field(
        STRONG["max_length"], ge=3, description="Tokens a text is cut to, [CLS] and [SEP] included."
    )

    variant: VariantName = Field(
        "with_layernorm_relu", description="A named pair of the two switches below."
    )
    layernorm: bool = Field(
        True, description="LayerNorm on the similarity embedding and on the pooled vector."
    )
    relu: bool = Field(True, description="ReLU on the pair head's concatenated features.")
    fusion: Literal["concatenated", "only_embedding", "only_cls"] = Field(
        "concatenated",
        description="What the pair head sees: similarity embeddings and pooled vectors, or one "
        "of the two.",
    )

    epochs: int = Field(STRONG["epochs"], ge=0, description="Passes over the training pairs.")
    batch_size: Count = Field(STRONG["batch_size"], description="Pairs in an optimiser step.")
    lr: float = Field(STRONG["lr"], gt=0, le=1, description="Adam's learning rate for the encoder.")
    head_lr: float = Field(
        STRONG["head_lr"],
        gt=0,
        le=1,
        description="Adam's learning rate for what is not pretrained: projection, LayerNorms, "
        "pair head.",
    )
    lr_schedule: Literal["constant", "linear"] = Field(
        STRONG["lr_schedule"],
        description="Whether both rates stay constant, or fall linearly to 0 over the run.",
    )
    pretrained_share: Ratio = Field(
        STRONG["pretrained_share"],
        description="Share of the pretrained weights when the encoder's weights are averaged with "
        "them after each epoch; 0: no averaging.",
    )
    triplet_weight: float = Field(
        STRONG["triplet_weight"],
        ge=0,
        description="Weight of the losses of a triplet: triplet loss, and the pair head's "
        "cross-entropy of counter and negative. With 0 no negative is mined.",
    )
    margin: float = Field(
        STRONG["margin"], gt=0, description="Triplet margin, in the unit of --margin_unit."
    )
    margin_unit: Literal["median_distance", "absolute"] = Field(
        "median_distance",
        description="median_distance: the median Euclidean distance of point and counter before "
        "the first step, which differs by variant; absolute: a Euclidean distance of 1.",
    )
    in_batch_weight: float = Field(
        STRONG["in_batch_weight"],
        ge=0,
        description="Weight of the embeddings' cross-entropy of the counter among all texts of the "
        "batch.",
    )
    listwise_weight: float = Field(
        STRONG["listwise_weight"],
        ge=0,
        description="Weight of the pair head's cross-entropy of the counter among all texts of the "
        "batch. "
        "With this or --in_batch_weight above 0, pairs of one debate come next to each other.",
    )
    hubness_weight: Ratio = Field(
        STRONG["hubness_weight"],
        description="How much it counts against a candidate that other texts of the split answer "
        "it well, 0 to 1; 0: the pair head alone ranks the ten nearest.",
    )
    seed: int = Field(
        0, ge=0, lt=2**32, description="Decides initial heads, data order and negatives."
    )

    negatives: Literal["falling", "rising", "constant", "only_random", "only_hard"] = Field(
        STRONG["negatives"], description="A named schedule of the share of hard negatives."
    )
    hard_ratio_start: Ratio = Field(
        SCHEDULES[STRONG["negatives"]].start,
        description="Share of hard negatives in the first epoch, 0 to 1.",
    )
    hard_ratio_step: float = Field(
        SCHEDULES[STRONG["negatives"]].step,
        ge=-1,
        le=1,
        description="Change of that share an epoch; it is held in 0 to 1.",
    )
    neighbors: Literal["exact", "ball_tree"] = Field(
        "exact",
        description="How the nearest texts are searched for negatives and top-1; both find the "
        "same ones, and ball_tree is slow.",
    )
    leaked_pairs: Literal["drop", "keep"] = Field(
        "drop",
        description="What to do with training pairs whose point or counter also stands in "
        "validation or test.",
    )

    eval_every: Count = Field(1, description="Epochs between evaluations.")
    first_epoch_evals: Count = Field(
        1,
        description="Evaluations in the first epoch, evenly spaced; the last one, at the epoch's "
        "end, is of all splits, the others are of validation alone.",
    )
    mine_every: Count = Field(1, description="Epochs between new negatives.")
    log_every: Count = Field(10, description="Optimiser steps between 'step' lines in the log.")
    checkpoint_every: str = Field(
        "1epoch",
        pattern=r"^[1-9][0-9]{0,8}(epoch|step)s?$",
        examples=["2epochs", "500steps"],
        description="How often a checkpoint to resume from is written, in epochs or steps: "
        "2epochs, 500steps.",
    )
    on_nan: Literal["stop", "skip"] = Field(
        "stop", description="What to do at a step whose loss or gradient is not finite."
    )

    log_dir: Path = Field(Path("logs"), description="Folder of the run log.")
    checkpoint_dir: Path = Field(Path("checkpoints"), description="Folder of the saved models.")
    run_id: str | None = Field(
        None,
        pattern=RUN_ID,
        examples=["mine-2.1"],
        description="Name of the run's files: letters, digits, '.', '_', '-'; unset: time, "
        "variant and seed.",
    )
    init_from: str | None = Field(
        None, description="Run id or checkpoint folder whose best weights this run starts from."
    )
    resume: Literal["auto", "never"] = Field(
        "auto",
        description="auto: go on with the newest unfinished run of the same identity, if any; "
        "never: start a new one.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="What the encoder computes in; auto: bfloat16 on a GPU that has it and on a "
        "CPU with AMX or AVX-512 BF16, else float32.",
    )
    gradient_cache: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Encode a batch twice, the second time group by group for the gradients, so "
        "that memory does not grow with the batch. It takes 1.3 times as long, and the result is "
        "the same but for its last bits. auto: where one pass would not fit.",
    )
    device: DeviceName = Field(
        "auto", description="Where to compute; auto takes a GPU where there is one."
    )

    @model_validator(mode="after")
    def _resolve_names(self) -> "Config":
        """Resolve each preset and its parts; a part that was given wins over a default."""
        given = self.model_fields_set
        # The model is frozen for its users; its own validator completes it once.
        resolve = self.__dict__.update
        if "variant" in given:
            switches = VARIANTS[ALIASES.get(self.variant, self.variant)]._asdict()
            for flag, value in switches.items():
                if flag in given and getattr(self, flag) != value:
                    raise ValueError(
                        f"--{flag}={getattr(self, flag)} contradicts --variant={self.variant}, "
                        f"which means --{flag}={value}: drop one of them"
                    )
            resolve(switches)
        resolve(variant=canonical_name(self.layernorm, self.relu))

        recipe = RECIPES[self.recipe]
        resolve({flag: value for flag, value in recipe.items() if flag not in given})
        start, step = SCHEDULES[self.negatives]
        if "hard_ratio_step" not in given:
            resolve(hard_ratio_step=step)
        elif "negatives" not in given and self.hard_ratio_step < 0:
            start = SCHEDULES["falling"].start  # a share of 0 cannot fall
        if "hard_ratio_start" not in given:
            resolve(hard_ratio_start=start)
        numbers_say = _schedule_name(self.hard_ratio_start, self.hard_ratio_step)
        if "negatives" in given and numbers_say != self.negatives:
            flag = next(f for f in ("hard_ratio_step", "hard_ratio_start") if f in given)
            raise ValueError(
                f"--{flag}={getattr(self, flag)} contradicts --negatives={self.negatives}: the two "
                f"hard_ratio numbers say {numbers_say}; drop one of them"
            )
        resolve(negatives=numbers_say)
        return self

    @model_validator(mode="after")
    def _check_share(self) -> "Config":
        """Check that a share of hard negatives that is to fall or to rise can."""
        if self.hard_ratio_step and self.hard_ratio_start == (self.hard_ratio_step > 0):
            turn, same = ("rise", "only_hard") if self.hard_ratio_start else ("fall", "only_random")
            raise ValueError(
                f"--hard_ratio_start={self.hard_ratio_start:g} cannot {turn}: choose another "
                f"start, or --negatives={same}"
            )
        return self

    @model_validator(mode="after")
    def _check_evaluations(self) -> "Config":
        """Check that the first epoch's end is evaluated where its quarters are."""
        if self.first_epoch_evals > 1 and self.eval_every > 1 and self.epochs > 1:
            raise ValueError(
                f"--first_epoch_evals={self.first_epoch_evals} ends with an evaluation after the "
                f"first epoch, which --eval_every={self.eval_every} leaves out: drop one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_losses(self) -> "Config":
        """Check that something is learned, and that each flag has a part in it."""
        given = self.model_fields_set
        if not (self.triplet_weight or self.in_batch_weight or self.listwise_weight):
            raise ValueError(
                "--triplet_weight, --in_batch_weight and --listwise_weight are all 0: nothing is "
                "left to train by"
            )
        if self.batch_size == 1 and not self.triplet_weight:
            raise ValueError(
                "--batch_size=1 without --triplet_weight: a batch would hold nothing to tell the "
                "counter from; take 2 or more"
            )
        if not self.triplet_weight and (self.hard_ratio_start or self.hard_ratio_step):
            flags = ("negatives", "hard_ratio_start", "hard_ratio_step")
            flag = next((f for f in flags if f in given), "negatives")
            raise ValueError(
                f"--{flag}={getattr(self, flag)} without --triplet_weight: no negative would be "
                "mined; add --triplet_weight=1, or take --negatives=only_random"
            )
        for flag in ("margin", "margin_unit", "mine_every"):
            value = getattr(self, flag)
            usual = RECIPES[self.recipe].get(flag, type(self).model_fields[flag].default)
            if not self.triplet_weight and flag in given and value != usual:
                raise ValueError(
                    f"--{flag}={value} without --triplet_weight: there would be no triplet; add "
                    "--triplet_weight=1, or leave the flag out"
                )
        return self

    def checkpoints_at(self, *, epoch: int | None = None, step: int | None = None) -> bool:
        """Whether `checkpoint_every` is due at this epoch, or at this step."""
        count, unit = re.findall(r"\d+|[a-z]+", self.checkpoint_every)
        position = epoch if unit.startswith("epoch") else step
        return position is not None and position % int(count) == 0

    def to_json(self) -> dict[str, Any]:
        """Return the resolved config as JSON values, for the run log and the checkpoints."""
        return self.model_dump(mode="json")


def _schedule_name(start: float, step: float) -> str:
    """Name the schedule in `SCHEDULES` that two numbers amount to."""
    if step:
        return "falling" if step < 0 else "rising"
    return {0.0: "only_random", 1.0: "only_hard"}.get(start, "constant")

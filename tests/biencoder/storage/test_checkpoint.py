import hashlib
import json

import pytest
import torch

from biencoder.config import Config
from biencoder.errors import CheckpointError
from biencoder.storage import checkpoint
from biencoder.storage.checkpoint import first_stage, verify


def test_weights_and_state_come_back(save_epoch, model):
    folder = save_epoch(2, best=True)
    assert checkpoint.read_state(folder).progress.epoch == 2
    assert checkpoint.read_tensors(folder / "training.safetensors")["negatives"].tolist() == [
        0,
        1,
        2,
    ]
    other = model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    checkpoint.put_weights(other, folder)
    for key, tensor in model().state_dict().items():
        assert torch.equal(other.state_dict()[key], tensor), key


def test_a_head_of_another_fusion_starts_fresh(save_epoch, model):
    folder = save_epoch(0, fusion="only_cls")
    bi_encoder = model(fusion="concatenated")
    weights, fresh = first_stage(bi_encoder, folder)
    assert fresh == ["head"]
    assert "similarity.weight" in weights
    assert "head.weight" not in weights


def test_layernorms_that_the_first_stage_did_not_have_start_fresh(save_epoch, model):
    folder = save_epoch(0, layernorm=False)
    assert first_stage(model(layernorm=True), folder)[1] == ["pooled_norm", "sim_norm"]


def test_another_encoder_is_refused(save_epoch, model):
    folder = save_epoch(0)
    other = model()
    other.similarity = torch.nn.Linear(9, 128)
    with pytest.raises(CheckpointError, match="another encoder or pooling"):
        first_stage(other, folder)


def test_a_file_that_others_left_in_a_checkpoint_is_no_damage(save_epoch):
    folder = save_epoch(0)
    (folder / ".DS_Store").write_text("")
    verify(folder)


@pytest.mark.parametrize("damage", ["torn", "one bit"])
def test_damaged_weights_are_used_for_nothing(save_epoch, model, damage):
    folder = save_epoch(0)
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(b"torn" if damage == "torn" else content)
    cpu = torch.device("cpu")
    for use in (lambda: first_stage(model(), folder), lambda: checkpoint.load(folder, cpu)):
        with pytest.raises(CheckpointError, match="model.safetensors: damaged or missing"):
            use()


def test_weights_that_do_not_fit_are_one_line(save_epoch, model):
    folder = save_epoch(0, fusion="only_cls")
    with pytest.raises(CheckpointError, match="weights do not fit the encoder and config"):
        checkpoint.put_weights(model(fusion="concatenated"), folder)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "state.json: cannot be read"),
        ("[" * 100_000, "state.json: cannot be read"),
        ("[1]", "state.json: this version cannot read"),
        ('{"run_id": "r"}', r"cannot read config \(Field required\)"),
        ('{"run_id": "../r"}', r"cannot read run_id \(String should match pattern"),
        ('{"run_id": "r", "config": {"epochs": "x"}}', r"cannot read config.epochs \(Input"),
        ('{"run_id": "r", "config": {"asymmetric": true}}', r"asymmetric.*by version 0.1, which"),
        ('{"version": "9.8", "config": {"x": 1}}', r"written by version 9.8, which can"),
    ],
)
def test_a_state_that_cannot_be_used_is_one_line(save_epoch, text, line):
    folder = save_epoch(0)
    (folder / "state.json").write_text(text)
    with pytest.raises(CheckpointError, match=line) as error:
        checkpoint.read_state(folder)
    assert "\n" not in str(error.value)


def test_a_first_stage_that_this_version_cannot_read_is_refused(save_epoch, model):
    folder = save_epoch(0)
    state = json.loads((folder / "state.json").read_text("utf-8"))
    state["config"]["asymmetric"] = True
    (folder / "state.json").write_text(json.dumps(state), "utf-8")
    checksums = json.loads((folder / "checksums.json").read_text("utf-8"))
    checksums["state.json"] = hashlib.sha256((folder / "state.json").read_bytes()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(checksums), "utf-8")
    with pytest.raises(CheckpointError, match="config.asymmetric.*by version 9.8"):
        first_stage(model(), folder)


@pytest.mark.parametrize(
    "change",
    [
        {"pooling": "cls"},
        {"max_length": 7},
        {"layernorm": False},
        {"relu": True},
        {"fusion": "only_cls"},
        {"hubness_weight": 0.1},
    ],
)
def test_an_index_belongs_to_all_that_its_vectors_and_hubness_depend_on(save_epoch, change):
    folder, config = save_epoch(0), Config(layernorm=True, relu=False)
    digest = checkpoint.index_digest(folder, config)
    assert digest == checkpoint.index_digest(folder, config.model_copy(update={"seed": 1}))
    assert digest != checkpoint.index_digest(folder, config.model_copy(update=change))

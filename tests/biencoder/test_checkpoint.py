import json
from types import SimpleNamespace

import pytest
import torch

from biencoder.checkpoint import CheckpointError, find, initialise, save


def saved_epochs(run_dir):
    return sorted(path.name for path in run_dir.glob("*epoch*"))


@pytest.fixture
def save_epoch(tmp_path, model):
    writer = SimpleNamespace(save_pretrained=lambda folder: folder.mkdir(exist_ok=True))

    def save_one(epoch, *, best, **switches):
        bi_encoder = model(**switches)
        bi_encoder.encoder.config = SimpleNamespace(save_pretrained=writer.save_pretrained)
        return save(tmp_path / "run", bi_encoder, writer, {"epoch": epoch}, best=best)

    return save_one


def test_a_run_keeps_its_best_and_its_last_checkpoint(tmp_path, save_epoch):
    for epoch, best in enumerate([True, True, False, False]):
        save_epoch(epoch, best=best)
    assert saved_epochs(tmp_path / "run") == ["epoch-0001", "epoch-0003"]
    index = json.loads((tmp_path / "run" / "checkpoints.json").read_text())
    assert index == {"best": "epoch-0001", "last": "epoch-0003"}


def test_weights_and_state_come_back(tmp_path, save_epoch, model):
    folder = save_epoch(2, best=True)
    assert json.loads((folder / "state.json").read_text()) == {"epoch": 2}
    other = model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert initialise(other, folder) == []
    for name, tensor in model().state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


@pytest.mark.parametrize("reference", ["run", "{tmp}/run", "{tmp}/run/epoch-0000"])
def test_a_run_id_a_run_folder_and_a_checkpoint_folder_all_lead_to_weights(
    tmp_path, save_epoch, reference
):
    folder = save_epoch(0, best=True)
    assert find(reference.format(tmp=tmp_path), tmp_path) == folder


def test_a_reference_to_nothing_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nothing: no checkpoint there"):
        find("nothing", tmp_path)


def test_a_head_of_another_fusion_starts_fresh(save_epoch, model):
    folder = save_epoch(0, best=True, fusion="only_cls")
    bi_encoder = model(fusion="concatenated")
    head = bi_encoder.head.weight.clone()
    assert initialise(bi_encoder, folder) == ["head"]
    assert torch.equal(bi_encoder.head.weight, head)


def test_layernorms_that_the_first_stage_did_not_have_start_fresh(save_epoch, model):
    folder = save_epoch(0, best=True, layernorm=False)
    assert initialise(model(layernorm=True), folder) == ["pooled_norm", "sim_norm"]


def test_another_encoder_is_refused(save_epoch, model):
    folder = save_epoch(0, best=True)
    other = model()
    other.similarity = torch.nn.Linear(9, 128)
    with pytest.raises(CheckpointError, match="another encoder or pooling"):
        initialise(other, folder)


def test_damaged_weights_are_named(save_epoch, model):
    folder = save_epoch(0, best=True)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="model.safetensors: cannot be read"):
        initialise(model(), folder)


def test_a_checkpoint_that_fails_to_be_written_leaves_the_one_before_it(
    tmp_path, save_epoch, monkeypatch
):
    save_epoch(0, best=True)
    monkeypatch.setattr(
        "biencoder.checkpoint.save_file", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(CheckpointError, match=r"cannot be written \(full\)"):
        save_epoch(1, best=True)
    assert find("run", tmp_path).name == "epoch-0000"
    assert (tmp_path / "run" / "epoch-0000" / "model.safetensors").is_file()

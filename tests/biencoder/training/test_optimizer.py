import pytest
import torch
from handmade import make_model

from biencoder.config import Config
from biencoder.training.optimizer import average, make_optimizer, set_learning_rates


def test_the_encoder_and_what_starts_fresh_learn_at_rates_of_their_own():
    model = make_model()
    optimizer = make_optimizer(model, Config(lr=1e-5, head_lr=1e-2))
    rates = [group["lr"] for group in optimizer.param_groups for _ in group["params"]]
    named = dict(zip((name for name, _ in model.named_parameters()), rates, strict=True))
    assert all((rate == 1e-5) == name.startswith("encoder.") for name, rate in named.items())
    assert named["similarity.weight"] == named["head.weight"] == 1e-2


def test_averaging_goes_the_given_share_of_the_way_back_to_the_pretrained_weights():
    encoder = make_model().encoder
    trained = [parameter.detach().clone() for parameter in encoder.parameters()]
    pretrained = [torch.zeros_like(parameter) for parameter in trained]
    average(encoder, pretrained, 0.25)
    for parameter, before in zip(encoder.parameters(), trained, strict=True):
        torch.testing.assert_close(parameter.detach(), 0.75 * before)


@pytest.mark.parametrize(
    ("schedule", "shares"), [("constant", (1, 1, 1)), ("linear", (1, 0.75, 0.25))]
)
def test_both_rates_stay_or_fall_to_zero_over_the_run(schedule, shares):
    config = Config(lr=0.1, head_lr=0.4, lr_schedule=schedule)
    optimizer = make_optimizer(make_model(), config)
    for done, share in zip((0, 0.25, 0.75), shares, strict=True):
        set_learning_rates(optimizer, config, done)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.1 * share, 0.4 * share])

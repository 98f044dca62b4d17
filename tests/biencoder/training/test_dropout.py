import pytest
import torch
import torch.nn.functional as F
from torch import nn

from biencoder.training.dropout import QuickDropout, attention, dropout


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_share_of_p_is_dropped_and_the_rest_scaled_up_to_the_same_mean(p):
    torch.manual_seed(0)
    dropped = dropout(torch.ones(1000, 401), p)
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=0.003)
    assert dropped.mean().item() == pytest.approx(1, abs=0.005)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - p)], rel=1e-4)


def test_values_are_dropped_independently_of_their_neighbours():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_000), 0.5) > 0).float()
    for distance in (1, 2, 3, 4):
        both = (kept[distance:] * kept[:-distance]).mean().item()
        assert both == pytest.approx(0.25, abs=0.005)


def test_a_dropped_value_gets_no_gradient_and_a_kept_one_its_factor():
    torch.manual_seed(0)
    values = torch.full((50,), 2.0, requires_grad=True)
    dropped = dropout(values, 0.5)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach() / 2)


def test_the_same_seed_drops_the_same_values():
    values, draws = torch.rand(1001), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dropout(values, 0.3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_nothing_or_everything_can_be_dropped(p):
    assert torch.equal(dropout(torch.ones(7), p), torch.full((7,), 1 - p))


@pytest.mark.parametrize("kind", ["none", "bool", "added"])
def test_attention_that_drops_nothing_is_torchs_own(kind):
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 5, 8)
    looked_at = torch.arange(5) < torch.tensor([5, 3]).view(2, 1, 1, 1)
    added = torch.zeros(2, 1, 1, 5).masked_fill(~looked_at, -1e4)
    mask = {"none": None, "bool": looked_at, "added": added}[kind]
    expected = F.scaled_dot_product_attention(query, key, value, mask, scale=0.3)
    torch.testing.assert_close(attention(query, key, value, mask, 0.0, 0.3), expected)


def test_layers_and_attention_take_the_quick_way_while_it_is_entered():
    layer, query = nn.Dropout(0.5), torch.rand(1, 1, 4, 8)
    calls = {
        "layer": lambda: layer(query),
        "attention": lambda: F.scaled_dot_product_attention(query, query, query, dropout_p=0.5),
    }
    for call in calls.values():
        torch.manual_seed(0)
        usual = call()
        torch.manual_seed(0)
        with QuickDropout():
            quick = call()
        assert quick.shape == usual.shape
        assert not torch.equal(quick, usual)


def test_a_layer_in_evaluation_passes_everything_on():
    values = torch.rand(9)
    with QuickDropout():
        assert torch.equal(nn.Dropout(0.5).eval()(values), values)


def test_causal_attention_stays_torchs_own():
    query = torch.rand(1, 1, 4, 8)
    with QuickDropout():
        seen = F.scaled_dot_product_attention(query, query, query, dropout_p=0.5, is_causal=True)
    # The first place looks at itself alone, and that is dropped or doubled.
    assert any(torch.allclose(seen[0, 0, 0], query[0, 0, 0] * factor) for factor in (0, 2))

import numpy as np
import pytest
import torch

from biencoder.model.initialization import LOG_ODDS, principal_projection, start_from_pretrained


def test_distances_within_the_kept_components_stay_what_they_were():
    torch.manual_seed(0)
    vectors = torch.randn(50, 4) @ torch.randn(4, 20) + 3  # four dimensions hold all of it
    weight, bias = principal_projection(vectors, size=6, seed=0)
    projected = vectors @ weight.T + bias
    torch.testing.assert_close(
        torch.nn.functional.pdist(projected),
        torch.nn.functional.pdist(vectors),
        atol=1e-3,
        rtol=1e-3,
    )


def test_what_is_left_out_is_what_varies_least():
    torch.manual_seed(0)
    vectors = torch.randn(200, 3) * torch.tensor([5.0, 3.0, 0.1])
    weight, bias = principal_projection(vectors, size=2, seed=0)
    kept = (vectors @ weight.T + bias).var(0).sum()
    assert kept > 0.99 * vectors.var(0).sum()


def test_the_projection_is_centred():
    vectors = torch.rand(30, 8) + 5
    weight, bias = principal_projection(vectors, size=4, seed=0)
    assert (vectors @ weight.T + bias).mean(0).abs().max() < 1e-4


def test_fewer_texts_than_dimensions_still_give_a_whole_projection():
    weight, bias = principal_projection(torch.randn(3, 8), size=16, seed=0)
    assert weight.shape == (16, 8)
    assert bias.shape == (16,)
    assert torch.isfinite(weight).all()


def near_pairs(count=1500):
    """Pooled vectors of points and counters: a counter stands nearer than another text."""
    torch.manual_seed(0)
    points = torch.randn(count, 6)
    return points, points + 0.3 * torch.randn(count, 6)


def test_every_variant_starts_from_the_same_projection(model):
    weights = []
    for layernorm in (True, False):
        bi_encoder = model(layernorm=layernorm)
        start_from_pretrained(bi_encoder, *near_pairs(), seed=0)
        weights.append(bi_encoder.similarity.weight.detach().numpy())
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("fusion", ["concatenated", "only_embedding", "only_cls"])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("layernorm", [True, False])
def test_the_pair_head_starts_by_judging_what_is_near_as_the_counter(
    model, layernorm, relu, fusion
):
    bi_encoder = model(layernorm=layernorm, relu=relu, fusion=fusion)
    points, counters = near_pairs()
    start_from_pretrained(bi_encoder, points, counters, seed=0)
    with torch.no_grad():
        point, counter = bi_encoder.project(points), bi_encoder.project(counters)
        of_pairs = bi_encoder.pair_score(*point, *counter)
        of_others = bi_encoder.pair_score(*point, *(side.roll(1, 0) for side in counter))
    assert of_pairs.median().item() == pytest.approx(LOG_ODDS, abs=0.3)
    assert of_others.median().item() == pytest.approx(-LOG_ODDS, abs=0.3)
    assert (of_pairs > of_others).float().mean() > 0.95


def test_an_encoder_to_which_all_texts_are_alike_still_gives_a_finite_head(model):
    bi_encoder = model()
    start_from_pretrained(bi_encoder, torch.ones(4, 6), torch.ones(4, 6), seed=0)
    assert torch.isfinite(bi_encoder.head.weight).all()
    assert torch.isfinite(bi_encoder.head.bias).all()

import numpy as np
import torch

from biencoder.model.initialization import principal_projection, start_from_principal


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


def test_every_variant_starts_from_the_same_projection(model):
    pooled, weights = torch.randn(1500, 6), []
    for layernorm in (True, False):
        bi_encoder = model(layernorm=layernorm)
        start_from_principal(bi_encoder, pooled, seed=0)
        weights.append(bi_encoder.similarity.weight.detach().numpy())
    np.testing.assert_array_equal(*weights)

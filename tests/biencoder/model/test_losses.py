import math

import pytest
import torch

from biencoder.model.losses import (
    TEMPERATURE,
    in_batch_loss,
    listwise_loss,
    pair_loss,
    triplet_loss,
)

ANCHOR = torch.tensor([[0.0, 0.0]])


def test_the_triplet_loss_is_the_hinge_on_the_difference_of_distances():
    positive, negative = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 4.5]])
    assert triplet_loss(ANCHOR, positive, negative, 1.0).item() == pytest.approx(5 - 4.5 + 1)


def test_the_triplet_loss_is_zero_where_the_negative_is_farther_by_the_margin():
    positive, negative = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 2.1]])
    assert triplet_loss(ANCHOR, positive, negative, 1.0).item() == 0
    assert triplet_loss(ANCHOR, positive, negative, 2.0).item() == pytest.approx(0.9, abs=1e-5)


def test_the_triplet_loss_pulls_the_positive_and_pushes_the_negative():
    anchor = ANCHOR.clone().requires_grad_()
    positive = torch.tensor([[0.0, 1.0]], requires_grad=True)
    negative = torch.tensor([[0.0, 1.5]], requires_grad=True)
    triplet_loss(anchor, positive, negative, 1.0).backward()
    assert positive.grad[0, 1] > 0 > negative.grad[0, 1]


def test_the_pair_loss_is_the_cross_entropy_of_the_class():
    logits = torch.tensor([[0.0, math.log(3)]])  # probability of class 1: 3/4
    assert pair_loss(logits, True).item() == pytest.approx(-math.log(0.75))
    assert pair_loss(logits, False).item() == pytest.approx(-math.log(0.25))


def test_the_in_batch_loss_is_the_cross_entropy_of_the_positive_among_all_texts_but_the_anchor():
    torch.manual_seed(0)
    texts = torch.randn(5, 3)
    cosine = torch.nn.functional.cosine_similarity(texts[:, None], texts[None], dim=-1)
    expected = 0.0
    for anchor, positive in ((0, 3), (2, 1)):
        weights = {text: math.exp(cosine[anchor, text] / TEMPERATURE) for text in range(5)}
        expected -= math.log(weights[positive] / (sum(weights.values()) - weights[anchor])) / 2
    points = torch.tensor([0, 2])
    masked = torch.arange(5) == points[:, None]
    loss = in_batch_loss(texts[points], texts, torch.tensor([3, 1]), masked)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_in_batch_loss_does_not_depend_on_the_embeddings_lengths():
    torch.manual_seed(0)
    texts, positive = torch.randn(4, 3), torch.tensor([1])
    longer = texts * torch.tensor([[1.0], [10.0], [0.1], [3.0]])
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    losses = [
        in_batch_loss(vectors[:1], vectors, positive, nothing).item() for vectors in (texts, longer)
    ]
    assert losses[0] == pytest.approx(losses[1])


def test_a_masked_text_is_no_candidate():
    texts, positive = torch.eye(3), torch.tensor([1])
    masked = torch.tensor([[True, False, False]])
    without = in_batch_loss(texts[:1], texts, positive, masked)
    assert without.item() == pytest.approx(math.log(2))
    among_all = in_batch_loss(texts[:1], texts, positive, torch.zeros_like(masked))
    assert among_all.item() == pytest.approx(1 / TEMPERATURE)


def test_the_listwise_loss_is_the_cross_entropy_of_the_positive_among_what_is_not_masked():
    scores = torch.tensor([[0.0, math.log(3), 9.0], [math.log(2), 0.0, 0.0]])
    masked = torch.tensor([[False, False, True], [False, False, False]])
    loss = listwise_loss(scores, torch.tensor([1, 0]), masked)
    assert loss.item() == pytest.approx(-(math.log(3 / 4) + math.log(2 / 4)) / 2)

"""The scores of the module that lies in an export, beside the model's own."""

import pytest
import torch
from handmade import HIDDEN, make_model

from biencoder.storage.export import save_pair_head
from biencoder.storage.rescore import PairHead


@pytest.mark.parametrize("fusion", ["concatenated", "only_embedding", "only_cls"])
@pytest.mark.parametrize("layernorm", [True, False])
@pytest.mark.parametrize("relu", [True, False])
def test_it_scores_one_point_or_many_as_the_model_does(tmp_path, fusion, layernorm, relu):
    model = make_model(fusion=fusion, layernorm=layernorm, relu=relu).eval()
    for parameter in model.parameters():  # norms start as ones and zeros, which hide a mistake
        torch.nn.init.normal_(parameter)
    save_pair_head(model, relu, tmp_path)
    head, pooled = PairHead(tmp_path), torch.randn(5, HIDDEN)
    with torch.no_grad():
        sim, h = model.project(pooled)
        of_one = head.log_odds((sim[:1], pooled[:1]), (sim[1:], pooled[1:]))
        torch.testing.assert_close(of_one, model.pair_score(sim[:1], h[:1], sim[1:], h[1:]))
        of_each = head.log_odds((sim[:-1], pooled[:-1]), (sim[1:], pooled[1:]))
        torch.testing.assert_close(of_each, model.pair_score(sim[:-1], h[:-1], sim[1:], h[1:]))

import torch
from handmade import make_split

from biencoder.mirror import is_identity, mirror, start_from_mirror


def two_kinds(count=200, size=8):
    """Points and counters of one spread, whose second coordinate alone tells them apart."""
    torch.manual_seed(0)
    points, counters = torch.randn(count, size), torch.randn(count, size) + 0.5
    counters[:, 0] -= 0.5
    points[:, 1], counters[:, 1] = -2 + 0.3 * points[:, 1], 4 + 0.3 * counters[:, 1]
    return points, counters


def test_a_mirror_keeps_every_distance_and_seen_twice_everything_stands_where_it_was():
    points, counters = two_kinds()
    weight, bias = mirror(points, counters)
    once = points @ weight.T + bias
    torch.testing.assert_close(once @ weight.T + bias, points)
    torch.testing.assert_close(
        torch.nn.functional.pdist(once), torch.nn.functional.pdist(points), atol=1e-4, rtol=1e-4
    )


def test_it_stands_half_way_between_points_and_counters_whatever_their_numbers():
    torch.manual_seed(0)
    points, counters = torch.randn(1000, 4), torch.randn(50, 4)
    counters[:, 0] += 1
    weight, bias = mirror(points, counters)
    half_way = (points.mean(0) + counters.mean(0)) / 2
    torch.testing.assert_close(half_way @ weight.T + bias, half_way)


def test_what_does_not_tell_points_from_counters_stays_where_it_is():
    points, counters = two_kinds()
    weight, bias = mirror(points, counters)
    seen = points @ weight.T + bias
    assert abs(float(seen[:, 1].mean()) - 4) < 0.5  # from -2, by way of 1
    assert float((seen - points)[:, 2:].abs().max()) < 1


def test_texts_that_nothing_tells_apart_are_left_where_they_are():
    texts = torch.randn(20, 4)
    weight, bias = mirror(texts, texts)
    torch.testing.assert_close(texts @ weight.T + bias, texts)


def test_the_map_of_an_asymmetric_model_leads_points_towards_counters(model):
    split = make_split([(f"p{number}", f"c{number}") for number in range(20)])
    torch.manual_seed(0)
    sim = torch.randn(40, 128)
    sim[split.counter_ids] += 1
    asymmetric = model(asymmetric=True)
    assert is_identity(asymmetric)
    start_from_mirror(asymmetric, split, sim)
    assert not is_identity(asymmetric)
    points, counters = sim[split.point_ids], sim[split.counter_ids]
    before = (points.mean(0) - counters.mean(0)).norm()
    after = (asymmetric.anchor(points).mean(0) - counters.mean(0)).norm()
    assert after < before / 2

import numpy as np

from biencoder.data.groups import connected


def test_items_are_connected_by_a_shared_thing_in_any_place_and_through_others():
    first, second = np.array([0, 1, 2, 5]), np.array([10, 0, 11, 6])
    labels = connected([first, second])
    assert labels[0] == labels[1]
    assert len({*labels[1:].tolist()}) == 3


def test_no_item_has_no_group():
    assert connected([np.array([], dtype=np.int64)] * 2).tolist() == []

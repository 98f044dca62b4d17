import threading

import pytest

from biencoder.data.prefetch import one_ahead


def test_everything_comes_in_order_with_what_it_is_made_into():
    assert list(one_ahead(str, range(4))) == [(0, "0"), (1, "1"), (2, "2"), (3, "3")]
    assert list(one_ahead(str, [])) == []


def test_the_next_one_and_no_further_one_is_made_while_one_is_in_use():
    started = [threading.Event() for _ in range(4)]

    def make(number):
        started[number].set()
        return threading.get_ident()

    following = one_ahead(make, range(4))
    _, thread = next(following)
    assert thread != threading.get_ident()
    assert started[1].wait(60)
    assert not started[2].is_set()
    next(following)
    assert started[2].wait(60)


def test_what_goes_wrong_in_the_thread_is_raised_where_it_would_have_been_used():
    def make(number):
        return 1 // number

    following = one_ahead(make, [1, 0])
    assert next(following) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(following)


def test_whoever_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    following = one_ahead(str, range(100))
    next(following)
    following.close()
    assert threading.active_count() == before

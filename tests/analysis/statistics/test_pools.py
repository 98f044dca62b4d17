from collections.abc import Callable

from single_study import one_study

from analysis.schema import Log


def test_pools_are_averaged_over_seeds_in_the_order_of_the_literature(
    read: Callable[..., Log],
) -> None:
    table = one_study(read({"seed": 0}, {"seed": 1})).pools
    assert table["split"].to_list() == ["validation", "test"]
    assert table.columns[-8:] == ["sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa"]
    assert table.row(0)[-8:] == (0.25,) * 8

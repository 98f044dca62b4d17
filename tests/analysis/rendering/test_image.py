from collections.abc import Callable

from single_study import one_study

from analysis.rendering.figures.collection import figures
from analysis.rendering.image import rendered
from analysis.schema import Log


def test_one_figure_gives_the_same_bytes_twice(read: Callable[..., Log]) -> None:
    log = read({})
    first, second = (figures(one_study(log))["curves"] for _ in range(2))
    for file_format in ("png", "svg"):
        assert rendered(first, file_format) == rendered(second, file_format)


def test_names_with_dollars_controls_and_far_letters_are_drawn_as_they_are(
    read: Callable[..., Log],
) -> None:
    odd = "$_$ \x1b\x00 对 <b> " + "x" * 300
    log = read({"config": {"data_dir": odd}})
    svg = rendered(figures(one_study(log))["curves"], "svg").decode()
    assert "$_$" in svg
    assert "\x1b" not in svg
    assert "<b>" not in svg
    assert "x" * 61 not in svg

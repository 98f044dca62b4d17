import pytest

from analysis.rendering.layout import (
    WIDTH,
    lay_out_panels,
    legend_rows,
    new_figure,
    write_head,
)


def test_a_figure_is_as_high_as_asked_and_as_wide_as_a_slide() -> None:
    assert tuple(new_figure(6.0).get_size_inches()) == pytest.approx((WIDTH, 6.0))


def test_panels_leave_the_inches_that_are_kept() -> None:
    panels = lay_out_panels(new_figure(5.0), 2, 3, header=1.0, title=0.5, left=1.5)
    assert len(panels) == 6
    box = panels[0].get_position()
    assert (box.x0 * WIDTH, (1 - box.y1) * 5.0) == pytest.approx((1.5, 1.5))


def test_a_legend_of_long_names_takes_more_rows() -> None:
    assert legend_rows(["a", "b"]) == 1
    assert legend_rows(["a" * 60] * 4) == 2


def test_no_name_in_a_legend_is_longer_than_forty_letters() -> None:
    figure = new_figure(5.0)
    (ax,) = lay_out_panels(figure, 1, 1, header=1.0, title=0.5)
    ax.plot([0, 1], label="a" * 60 + "b")
    write_head(figure, "", "", [ax])
    (name,) = (text.get_text() for text in figure.legends[0].get_texts())
    assert len(name) == 40
    assert name.endswith("ab")


def test_a_note_of_any_length_fits_the_width_of_the_figure() -> None:
    for letters in (10, 150, 300):
        figure = new_figure(3.0)
        write_head(figure, "head", "Thin dashes: the nearest. " * (letters // 26 + 1))
        figure.canvas.draw()
        note = figure.texts[1].get_window_extent()
        assert note.x1 < figure.bbox.x1

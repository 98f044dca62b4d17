import pytest

from analysis.rendering.layout import (
    WIDTH,
    lay_out_blocks,
    lay_out_panels,
    legend_rows,
    write_head,
)


def test_blocks_are_as_high_as_asked_and_as_wide_as_a_slide() -> None:
    figure, blocks = lay_out_blocks([2.0, 4.0])
    assert tuple(figure.get_size_inches()) == pytest.approx((WIDTH, 6.0))
    assert [block.bbox.height / figure.dpi for block in blocks] == pytest.approx([2.0, 4.0])


def test_panels_leave_the_inches_that_are_kept() -> None:
    _, (block,) = lay_out_blocks([5.0])
    panels = lay_out_panels(block, 2, 3, header=1.0, title=0.5, left=1.5)
    assert len(panels) == 6
    box = panels[0].get_position()
    assert (box.x0 * WIDTH, (1 - box.y1) * 5.0) == pytest.approx((1.5, 1.5))


def test_a_legend_of_long_names_takes_more_rows() -> None:
    assert legend_rows(["a", "b"]) == 1
    assert legend_rows(["a" * 60] * 4) == 2


def test_no_name_in_a_legend_is_longer_than_forty_letters() -> None:
    figure, (block,) = lay_out_blocks([5.0])
    (ax,) = lay_out_panels(block, 1, 1, header=1.0, title=0.5)
    ax.plot([0, 1], label="a" * 60 + "b")
    write_head(block, "", "", [ax])
    (name,) = (text.get_text() for text in block.legends[0].get_texts())
    assert len(name) == 40
    assert name.endswith("ab")

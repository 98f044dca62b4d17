from analysis.rendering import markdown


def test_nothing_in_a_cell_acts_as_markdown() -> None:
    assert "a\\|b \\<script\\>" in markdown.markdown([["head"], ["a|b <script>"]])

"""Writes the tables that benchmarks print."""


def table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown under its title, its columns aligned."""
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * (width - 1) + ":" for width in widths])
    written = (" | ".join(map(str.rjust, line, widths)) for line in lines)
    return "\n".join([f"\n{title}\n", *(f"| {line} |" for line in written)])

"""Writes summary.tex: the main tables of each study, for a paper that loads booktabs."""

from collections.abc import Sequence

from analysis.rendering import effect_text, table_rows
from analysis.rendering.selection import EFFECT_TITLES, effect_measures
from analysis.statistics.results import Results

HEAD = r"% In the preamble: \usepackage{booktabs}"

SPREAD = "Over several runs: mean ± standard deviation; shares in percent."

#: What a letter is in LaTeX, where it is not itself.
LETTERS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{letter: rf"\{letter}" for letter in "&%$#_{}"},
        "±": r"$\pm$",
        "−": r"$-$",
        "–": "--",
        "·": r"\textperiodcentered{}",
        "…": r"\ldots{}",
    }
)


def summary_latex(every: Sequence[Results]) -> str:
    """Write a table of configurations for each study, and one of effects where there are any."""
    parts = [HEAD]
    for results in every:
        rows = table_rows.configuration_rows(results, whole=False)
        parts.append(_table(rows, f"{table_rows.heading(results)}. {SPREAD}"))
        if results.effects.height:
            answer = effect_text.answer(results.effects)
            parts.append(_table(_effect_rows(results), f"{results.study.name}. {answer}"))
    return "\n\n".join(parts) + "\n"


def _effect_rows(results: Results) -> list[list[str]]:
    """Write a row per effect: percentage points with interval on each measure, Holm's p on test."""
    measured = effect_measures(results.effects)
    found = [
        ["percentage points of top-1", *(EFFECT_TITLES[m] for m in measured), "p (Holm, test)"]
    ]
    for name in results.effects["effect"].unique(maintain_order=True):
        of = {row["measure"]: row for row in results.effects.filter(effect=name).to_dicts()}
        p = of.get("test", {}).get("p_holm")
        cells = [effect_text.points(of[m]) if m in of else "–" for m in measured]
        found.append(
            [name, *cells, "–" if p is None else effect_text.p_value(p).removeprefix("= ")]
        )
    return found


def _table(rows: Sequence[Sequence[str]], caption: str) -> str:
    """Write rows of text, headings first, as a table: the first column to the left."""
    head, *body = [" & ".join(map(_safe, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_safe(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}",
            *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _safe(text: str) -> str:
    """Escape text, so that nothing in it acts as markup; a cell begins with no bracket."""
    return ("{}" if text.startswith("[") else "") + text.translate(LETTERS)

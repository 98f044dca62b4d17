"""Says what a column is, by its name and never by its position."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

#: Names of a point and of a counter, each by itself.
POINT = ("point", "argument", "claim", "statement", "hate_speech")
COUNTER = (
    *("counter", "counter_argument", "counter_arguments", "counterargument", "counterarguments"),
    *("counterpoint", "counter_claim", "counterclaim", "rebuttal", "response", "reply"),
    *("counter_speech", "counterspeech", "counter_narrative"),
)

#: Names that say point and counter only together: (of the point, of the counter).
PAIRS = (
    (
        ("query",),
        ("pos", "positive", "positives", "positive_passages", "response", "answer"),
    ),
    (("anchor",), ("positive",)),
    (("question",), ("answer",)),
    (("sentence1",), ("sentence2",)),
    (("text1",), ("text2",)),
    (("parent", "parent_argument"), ("child", "child_argument")),
    (("context",), ("response",)),
    (("post",), ("comment",)),
)

#: What else a pair may have → the names of its column.
OTHERS = {
    "split": ("split", "set", "subset", "partition"),
    "debate": (
        *("debate", "debate_title", "topic", "motion", "discussion", "conversation_id"),
        "thread",
    ),
    "stance": ("stance", "side"),
    "domain": ("domain", "category", "theme", "target", "target_group", "hs_type"),
    "number": ("number",),
    "id": ("id", "pair_id", "index", "cn_id", "query_id", "qid"),
    "label": ("label", "relation", "score"),
}

#: What `--columns` may name a column for; `_` is none of them.
ROLES = ("point", "counter", *OTHERS, "_")

#: Names of negatives that others have chosen; training mines its own.
NEGATIVES = ("neg", "negative", "negatives", "negative_passages")

#: A first line with a cell of more words than this, or with a number, is no header.
_WORDS_OF_A_NAME = 5


@dataclass(frozen=True)
class Choice:
    """What `--columns` says: the columns of roles, or the names of a file without a header.

    `_` as a role means that a column is not used, as a name that it has none.
    """

    roles: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


def choice(flag: str | None) -> Choice:
    """Read `--columns`. Raises `CorpusError` for what `config` refuses at the command line."""
    entries = [entry.strip() for entry in flag.split(",")] if flag else []
    if entries and "=" not in entries[0]:
        return Choice(names=tuple("" if entry == "_" else entry for entry in entries))
    roles = []
    for entry in entries:
        role, _, name = map(str.strip, entry.partition("="))
        if role not in ROLES or not name:
            raise CorpusError(
                f"--columns: {entry!r} is not role=NAME; the roles are {', '.join(ROLES)}"
            )
        roles.append((role, name))
    return Choice(roles=tuple(roles))


def normalised(name: str) -> str:
    """Write a name as the tables above do: 'counterArgument ' is counter_argument, '_id' is id."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def find(table: Table, chosen: Choice) -> dict[str, int]:
    """Find the columns: role → place. Raises `CorpusError` where that is not certain."""
    found, left_out = _chosen(table, chosen)
    names = {
        place: normalised(name)
        for place, name in enumerate(table.names)
        if place not in {*found.values(), *left_out}
    }
    if "point" not in found:
        found |= _one(table, names, "point", POINT)
    if "point" in found and "counter" not in found:
        found |= _one(table, names, "counter", COUNTER)
    if not {"point", "counter"} & found.keys():
        found |= _pair(table, names)
    _check_found(table, found)
    for role, synonyms in OTHERS.items():
        if role not in found:
            rest = {place: name for place, name in names.items() if place not in found.values()}
            found |= _one(table, rest, role, synonyms)
    if _say_pairs(table.first_line):  # which was taken for data
        raise table.fault(
            "a header, it seems; write --columns=point=NAME,counter=NAME", table.rows[0][0]
        )
    return found


def has_pairs(table: Table) -> bool:
    """Test whether a table's names say point and counter, and no column is called text.

    Raises `CorpusError` where that is not certain.
    """
    if "text" in map(normalised, table.names):
        return False
    try:
        return bool(find(table, Choice()))
    except CorpusError:
        if _say_pairs(table.names):
            raise
        return False


def unused(table: Table, found: dict[str, int]) -> tuple[list[str], list[str]]:
    """List the columns that are not used: (those of negatives, those that nothing is known of)."""
    rest = [
        name
        for place, name in enumerate(table.names)
        if place not in found.values() and normalised(name)
    ]
    negatives = [name for name in rest if normalised(name) in NEGATIVES]
    return negatives, [name for name in rest if name not in negatives]


def _chosen(table: Table, chosen: Choice) -> tuple[dict[str, int], list[int]]:
    """Find the columns that `--columns` names: (role → place, places that are not used)."""
    found: dict[str, int] = {}
    left_out = []
    for role, name in chosen.roles:
        exact = [place for place, known in enumerate(table.names) if known.strip() == name]
        places = exact or [
            place
            for place, known in enumerate(table.names)
            if normalised(known) == normalised(name)
        ]
        if len(places) != 1:
            what = "several columns have" if places else "no column has"
            raise table.fault(f"--columns={role}={name}: {what} this name; {_names(table)}")
        if role == "_":
            left_out += places
        elif role in found:
            raise table.fault(f"--columns={role}={name}: {role} is given twice; keep one of them")
        else:
            found[role] = places[0]
    return found, left_out


def _one(table: Table, names: dict[int, str], role: str, synonyms: Sequence[str]) -> dict[str, int]:
    hits = [place for place, name in names.items() if name in synonyms]
    if len(hits) > 1:
        several = " and ".join(repr(table.names[place]) for place in hits)
        is_one_name = len({table.names[place] for place in hits}) == 1
        what = "rename one of them" if is_one_name else f"say which: --columns={role}=NAME"
        raise table.fault(f"{several} could each be the {role}; {what}")
    return {role: hits[0]} if hits else {}


def _pair(table: Table, names: dict[int, str]) -> dict[str, int]:
    """Find the pair of columns that together say point and counter."""
    hits = {
        (point, counter)
        for points, counters in PAIRS
        for point, name in names.items()
        for counter, other in names.items()
        if name in points and other in counters
    }
    if len(hits) > 1:
        several = " and ".join(repr(table.names[place]) for place in sorted({*sum(hits, ())}))
        raise table.fault(
            f"{several} could be point and counter in several ways; say which: "
            "--columns=point=NAME,counter=NAME",
        )
    return dict(zip(("point", "counter"), hits.pop(), strict=True)) if hits else {}


def _check_found(table: Table, found: dict[str, int]) -> None:
    if "point" in found and "counter" in found:
        return
    if "point" in found:
        name = table.names[found["point"]]
        raise table.fault(
            f"found a point ({name!r}) but no counter; say which column it is: "
            f"--columns=counter=NAME, or call a column of texts to search text ({_names(table)})",
        )
    if table.first_line:
        raise table.fault(
            "--columns names no point and no counter; of a file without a header write these words "
            "in the columns' places, as in --columns=point,counter,_"
        )
    if not (table.has_header and _is_data(table)):
        raise table.fault(
            "no column is named like a point; say which are which: "
            f"--columns=point=NAME,counter=NAME ({_names(table)})",
        )
    names = ",".join(["point", "counter", *"_" * (len(table.names) - 2)])
    raise table.fault(
        "no column is named like a point; the first line reads like data. Add a header line, or "
        f"name the columns: --columns={names}",
        1,
    )


def _names(table: Table) -> str:
    return "there are " + ", ".join(repr(name) for name in table.names if name)


def _is_data(table: Table) -> bool:
    """Test whether the names read like a row of data."""
    return any(
        len(name.split()) > _WORDS_OF_A_NAME or re.fullmatch(r"[-+]?\d+([.,]\d+)?", name)
        for name in table.names
    )


def _say_pairs(names: Sequence[str]) -> bool:
    """Test whether two of the names are such as points and counters have."""
    known = {*POINT, *COUNTER, *(name for pair in PAIRS for part in pair for name in part)}
    return sum(normalised(name) in known for name in names) > 1

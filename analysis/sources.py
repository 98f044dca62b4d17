"""From paths to one `Log`: which files are logs, in which format, and all of them read as one.

    log = read(["logs/"])                                   # every event
    log = read(["logs/*.jsonl", "old/"], events=("eval",))  # without the many losses: much faster
    log.runs, log.metrics, log.rejected, log.warnings       # tables, see analysis.tables
    log.predictions                                         # where train left them beside its logs
    log.notes                                               # sentences, each names its file

Nothing is printed but a progress bar, on a terminal alone: showing the notes is for the caller.
"""

import glob
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl
from tqdm import tqdm

from analysis import legacy, predictions, runlog
from analysis.tables import Log
from commandline import RunError

#: Folders that a walk passes over: where pictures and reports go.
OUTPUT_FOLDERS = ("plots",)

#: And where runs lie that no comparison of others should take in, unless the walk begins there.
CONTEXT_FOLDER = "context"

Format = Literal["jsonl", "legacy"]

_JSONL_MARK = rb'\{[^\n]*"run_id"'
_MARKS = re.compile(b"(%s)|%s" % (_JSONL_MARK, b"|".join(map(str.encode, legacy.FRAGMENTS))))
_HEAD = 64 * 1024  # bytes that nearly always show the format
_BATCH = 24 * 1024 * 1024  # bytes of legacy text that are parsed together
_WORKERS = min(4, os.cpu_count() or 1)  # each holds one batch
_MANY = 30  # pieces of work that are worth a progress bar


class _File(NamedTuple):
    path: Path  # as given, or below a folder as given
    named: bool  # by the user, not met in a folder or pattern


def read(paths: Sequence[str | Path], events: Collection[str] | None = None) -> Log:
    """Read every log under `paths`: files, folders (walked) and glob patterns.

    `events` keeps the metrics of these events alone ('step', 'mine', 'eval', 'untrained', 'pools').

    Runs of one name in two files are both kept, under names that begin with their folders. But a
    file that another of its name begins with is an earlier copy of it, as logs are appended to and
    never rewritten: it is passed over. Notes say so, and name text files that are no logs.

    Raises `RunError` where a path does not exist and where no log is found.
    """
    notes: list[str] = []
    formats = _formats(_find(paths, notes), notes)
    if not formats:
        shown = ", ".join(map(str, paths))
        raise RunError(f"{shown}: no run log found, neither JSONL from train nor legacy text")
    kept = _without_copies(list(formats), notes)
    jsonl = [path for path in kept if formats[path] == "jsonl"]
    batches = _batches([path for path in kept if formats[path] == "legacy"])

    def read_jsonl(path: Path) -> Log:
        return runlog.read(str(path), _bytes(path), events)

    def read_legacy(batch: Sequence[Path]) -> Log:
        files = [legacy.LegacyFile(str(path), names[path], _bytes(path)) for path in batch]
        return legacy.read(files, events)

    with ThreadPoolExecutor(_WORKERS) as pool:  # polars works outside Python's lock
        logs = _told_apart(list(_shown(pool.map(read_jsonl, jsonl), len(jsonl))), notes)
        taken = {run_id for log in logs for run_id in log.runs["run_id"]}
        names = _legacy_names([path for batch in batches for path in batch], taken, notes)
        logs += _shown(pool.map(read_legacy, batches), len(batches))
    runs = pl.concat([log.runs for log in logs])
    metrics = pl.concat([log.metrics for log in logs])
    answers, passed_over = predictions.read(runs, metrics)
    return Log(
        runs=runs,
        metrics=metrics,
        rejected=pl.concat([log.rejected for log in logs]),
        warnings=pl.concat([log.warnings for log in logs]),
        notes=(*notes, *(note for log in logs for note in log.notes), *passed_over),
        predictions=answers,
    )


def _shown(logs: Iterable[Log], count: int) -> Iterable[Log]:
    """`logs`, with a progress bar on stderr where they are many and it is a terminal."""
    return tqdm(logs, total=count, leave=False, disable=None if count >= _MANY else True)


def _find(paths: Sequence[str | Path], notes: list[str]) -> list[_File]:
    """The regular files under `paths`, each once, in order of path within each of `paths`."""
    found: dict[str, _File] = {}
    for given in paths:
        try:
            files = list(_files_under(given, notes))
        except OSError as error:
            raise RunError(f"{given}: cannot be read ({error.strerror})") from None
        for file in files:
            found.setdefault(os.path.realpath(file.path), file)
    return list(found.values())


def _files_under(given: str | Path, notes: list[str]) -> Iterator[_File]:
    path = Path(given)
    if path.is_file():
        yield _File(path, named=True)
    elif path.is_dir():
        yield from _walk(path, notes)
    elif glob.has_magic(str(given)):
        # Path.glob takes no absolute pattern.
        matches = sorted(map(Path, glob.glob(str(given), recursive=True)))  # noqa: PTH207
        if not matches:
            raise RunError(f"{given}: no file matches this pattern")
        aside = dict.fromkeys(
            m for m in matches if CONTEXT_FOLDER in m.parts and CONTEXT_FOLDER not in path.parts
        )
        notes += map(_context_note, dict.fromkeys(map(_context_folder, aside)))
        for match in (m for m in matches if m not in aside):
            yield from _walk(match, notes) if match.is_dir() else [_File(match, named=False)]
    else:
        raise RunError(f"{given}: no such file or folder")


def _walk(folder: Path, notes: list[str]) -> Iterator[_File]:
    """The files below `folder`, links to files too, links to folders not; hidden ones left out."""

    def unreadable(error: OSError) -> None:
        notes.append(f"{error.filename}: cannot be read ({error.strerror}), passed over")

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        if CONTEXT_FOLDER in folders:
            notes.append(_context_note(Path(parent, CONTEXT_FOLDER)))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in (*OUTPUT_FOLDERS, CONTEXT_FOLDER)
        )
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield _File(path, named=False)


def _context_folder(path: Path) -> Path:
    return Path(*path.parts[: path.parts.index(CONTEXT_FOLDER) + 1])


def _context_note(folder: Path) -> str:
    return f"{folder}: runs for context, passed over; name it to read them"


def _formats(files: Sequence[_File], notes: list[str]) -> dict[Path, Format]:
    """The format of each log among `files`, as its content shows it."""
    formats: dict[Path, Format] = {}
    for path, named in files:
        if path.name.endswith(predictions.ENDING) or path.parent.suffix == ".trec":
            continue  # what a run leaves beside its log: no log
        try:
            content = _content(path)
        except OSError as error:
            notes.append(f"{path}: cannot be read ({error.strerror}), passed over")
            continue
        if content in ("jsonl", "legacy"):
            formats[path] = content
        elif content == "text" or named:
            notes.append(f"{path}: not a run log, passed over")
    return formats


def _content(path: Path) -> Format | Literal["text", "other"]:
    """The format of the first line that shows one; 'other' is binary or markup."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        mark = _MARKS.search(head)
        if mark is None:
            if b"\0" in head or head.lstrip().startswith(b"<"):
                return "other"
            mark = _MARKS.search(head + file.read())
    if mark is None:
        return "text"
    return "jsonl" if mark.group(1) else "legacy"


def _without_copies(paths: Sequence[Path], notes: list[str]) -> list[Path]:
    """`paths` without those that another file of the same name begins with, byte for byte."""
    same_name = defaultdict(list)
    for path in paths:
        same_name[_stem(path)].append(path)
    copies = set()
    for group in same_name.values():
        if len(group) == 1:
            continue
        heads = {path: _bytes(path, 1024) for path in group}
        originals: list[Path] = []
        for path in sorted(group, key=lambda path: -path.stat().st_size):
            for original in originals:
                if heads[original].startswith(heads[path]) and _begins(path, original):
                    copies.add(path)
                    notes.append(f"{path}: a copy of {original}, passed over")
                    break
            else:
                originals.append(path)
    return [path for path in paths if path not in copies]


def _begins(path: Path, longer: Path) -> bool:
    with path.open("rb") as ours, longer.open("rb") as theirs:
        while piece := ours.read(_BATCH):
            if piece != theirs.read(len(piece)):
                return False
    return True


def _told_apart(logs: Sequence[Log], notes: list[str]) -> list[Log]:
    """`logs`, one of each file, with the runs renamed whose name occurs in several files."""
    homes = defaultdict(list)
    for index, log in enumerate(logs):
        for run_id, source in log.runs.select("run_id", "source").iter_rows():
            homes[run_id].append((index, Path(source)))
    renamed: dict[int, dict[str, str]] = defaultdict(dict)
    for run_id, places in homes.items():
        if len(places) > 1:
            prefixes = _prefixes([path for _, path in places])
            for (index, _), prefix in zip(places, prefixes, strict=True):
                renamed[index][run_id] = prefix + run_id
            notes.append(_shared_name_note(run_id, prefixes))
    return [_rename(log, renamed[index]) for index, log in enumerate(logs)]


def _rename(log: Log, names: Mapping[str, str]) -> Log:
    if not names:
        return log
    run_id = pl.col("run_id").replace(names)
    return replace(
        log,
        runs=log.runs.with_columns(run_id),
        metrics=log.metrics.with_columns(run_id),
        warnings=log.warnings.with_columns(run_id),
    )


def _legacy_names(
    paths: Sequence[Path], taken: Collection[str], notes: list[str]
) -> dict[Path, str]:
    """The run_id of each legacy file: its name without the suffix where that is unique."""
    same_name = defaultdict(list)
    for path in paths:
        same_name[_stem(path)].append(path)
    names: dict[Path, str] = {}
    for stem, group in same_name.items():
        if len(group) > 1:
            prefixes = _prefixes(group)
            names |= {path: prefix + stem for path, prefix in zip(group, prefixes, strict=True)}
            notes.append(_shared_name_note(stem, prefixes))
        else:
            names[group[0]] = group[0].name if stem in taken else stem
    return names


def _prefixes(paths: Sequence[Path]) -> list[str]:
    """What tells files of one name apart: 'folder/' below their common folder, or 'file name/'."""
    absolute = [path.absolute() for path in paths]
    root = os.path.commonpath([path.parent for path in absolute])
    folders = [path.parent.relative_to(root).as_posix() for path in absolute]
    count = Counter(folders)
    prefixes = []
    for path, folder in zip(absolute, folders, strict=True):
        parts = [folder] if folder != "." else []
        if count[folder] > 1:
            parts.append(path.name)
        prefixes.append("".join(f"{part}/" for part in parts))
    return prefixes


def _shared_name_note(run_id: str, prefixes: Sequence[str]) -> str:
    first, last = prefixes[0] + run_id, prefixes[-1] + run_id
    return f"{len(prefixes)} files hold a run {run_id}: told apart as {first} … {last}"


def _stem(path: Path) -> str:
    """The file name without its suffix; the '.01' of 'decay_0.01' is none."""
    return re.sub(r"\.[A-Za-z]\w*$", "", path.name) or path.name


def _batches(paths: Sequence[Path]) -> list[list[Path]]:
    """`paths` in groups of about `_BATCH` bytes."""
    batches: list[list[Path]] = []
    size = _BATCH
    for path in paths:
        if size >= _BATCH:
            batches.append([])
            size = 0
        batches[-1].append(path)
        size += path.stat().st_size
    return batches


def _bytes(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None

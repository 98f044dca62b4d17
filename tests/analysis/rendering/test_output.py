import os
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.rendering import output


def test_results_go_into_plots_by_the_logs_or_where_told(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.jsonl"
    log.parent.mkdir()
    log.touch()
    assert output.folder([str(log.parent)], None) == tmp_path / "logs" / "plots"
    assert output.folder([str(log)], None) == tmp_path / "logs" / "plots"
    assert output.folder([str(log)], tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_of_a_pattern_the_folder_that_its_matches_share_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "[c]"):
        (tmp_path / "exp" / name / "logs").mkdir(parents=True)
        (tmp_path / "exp" / name / "logs" / f"{name}.jsonl").touch()
    for pattern, place in (
        ("exp/*/logs/*.jsonl", "exp"),
        ("exp/a/logs/*.jsonl", "exp/a/logs"),
        ("exp/**/a.jsonl", "exp/a/logs"),
        ("exp/*/logs", "exp"),
        ("ex?", "exp"),
        ("exp/[c]/logs", "exp/[c]/logs"),  # a folder of this name
        (f"{tmp_path}/exp/*/logs/*", f"{tmp_path}/exp"),
    ):
        assert output.folder([pattern], None) == Path(place, "plots")
    found = {path.name for path in tmp_path.rglob("*") if path.is_dir()}
    assert found == {"exp", "a", "b", "[c]", "logs", "plots"}


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert output.write(tmp_path / "a.txt", "ä").read_bytes() == "ä".encode()
    assert output.write(tmp_path / "a.txt", b"\0").read_bytes() == b"\0"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_has_the_beginning_gets_the_rest_and_another_is_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    inodes = []
    for content in (b"one", b"one two", b"other"):
        assert output.grow(path, content).read_bytes() == content
        inodes.append(path.stat().st_ino)
    assert inodes[0] == inodes[1] != inodes[2]


@pytest.mark.parametrize("write", [output.write, output.grow])
def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, write: Callable[[Path, bytes], Path]
) -> None:
    with pytest.raises(AnalysisError, match=r"a\.txt: cannot be written"):
        write(tmp_path / "absent" / "a.txt", b"")


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write(tmp_path / "a.txt", "old")
    refuse = OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(refuse))
    with pytest.raises(AnalysisError, match="No space left on device"):
        output.write(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_planted_link_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / ".a.txt.unfinished").symlink_to(victim)
    output.write(plots / "a.txt", "ours")
    assert (plots / "a.txt").read_text() == "ours"
    # Not even where the name is guessed.
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (plots / ".b.txt.guessed.unfinished").symlink_to(victim)
    with pytest.raises(AnalysisError, match=r"b\.txt: cannot be written \(File exists\)"):
        output.write(plots / "b.txt", "ours")
    assert victim.read_text() == "precious"


def test_what_was_written_is_listed_a_line_a_folder_with_equal_names_together() -> None:
    names = ("a/summary.csv", "a/summary.md", "a/effects.csv", "a/b/runs.png", "a/b/runs.svg")
    assert output.listing([Path(name) for name in names]) == [
        f"wrote a{os.sep}: summary.{{csv,md}}, effects.csv",
        f"wrote {Path('a/b')}{os.sep}: runs.{{png,svg}}",
    ]


def test_of_many_folders_the_first_are_named() -> None:
    lines = output.listing([Path(f"{number}/x.csv") for number in range(9)])
    assert len(lines) == output.MOST_FOLDERS + 1
    assert lines[-1] == "… and 5 more folders"


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.warn(["one", "two"])
    assert capsys.readouterr() == ("", "one\ntwo\n")

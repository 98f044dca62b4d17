import json
from pathlib import Path

import pytest
from pydantic import ConfigDict

from biencoder.errors import RunError
from biencoder.storage.events import Event
from biencoder.storage.former_run import find_run
from biencoder.storage.run_log import RunLog


class Any(Event):
    """An event of any fields."""

    model_config = ConfigDict(extra="allow")
    name = "run_start"


class End(Any):
    name = "run_end"


MINE = {"corpus": "c", "lr": 0.1, "precision": "float32"}


def run_of(tmp_path, run_id, decides, *ends, precision="auto"):
    with RunLog(tmp_path, run_id) as log:
        log.write(Any(decides=decides, config={"precision": precision}))
        for status in ends:
            log.write(End(status=status))


def test_the_newest_unfinished_run_that_the_same_things_decide_is_found(tmp_path):
    run_of(tmp_path, "a", MINE)
    run_of(tmp_path, "c", MINE, "interrupted")
    run_of(tmp_path, "b", MINE, "interrupted", "completed")
    run_of(tmp_path, "d", MINE | {"lr": 0.2})
    (tmp_path / "e.jsonl").write_bytes(b"\xff torn")
    (tmp_path / "f.jsonl").write_text("[1]\n")
    (tmp_path / "g.jsonl").write_text("[" * 100_000 + "\n")
    assert find_run(tmp_path, MINE, None)[:2] == ("c", False)
    assert find_run(tmp_path, MINE, "a")[:2] == ("a", False)
    assert find_run(tmp_path, MINE, "b")[:2] == ("b", True)
    assert find_run(tmp_path, MINE, "f") is None
    assert find_run(tmp_path, MINE | {"lr": 0.3}, None) is None
    assert find_run(tmp_path / "absent", MINE, None) is None


def test_a_copy_of_a_log_is_not_gone_on_with(tmp_path):
    run_of(tmp_path, "a", MINE)
    (tmp_path / "a_backup.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes())
    assert find_run(tmp_path, MINE, None).run_id == "a"
    with pytest.raises(
        RunError, match=r"a_backup\.jsonl is a copy of the log of a; choose another"
    ):
        find_run(tmp_path, MINE, "a_backup")


def test_another_users_log_stops_nobody_and_ones_own_is_named(tmp_path, monkeypatch):
    run_of(tmp_path, "a", MINE)
    run_of(tmp_path, "b", MINE)

    def refuse(path, *args, **kwargs):
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    opened = Path.open
    monkeypatch.setattr(Path, "open", refuse)
    assert find_run(tmp_path, MINE, None)[:2] == ("a", False)
    with pytest.raises(RunError, match=r"b.jsonl: cannot be read \(Permission denied\)"):
        find_run(tmp_path, MINE, "b")


def test_a_log_without_its_config_is_passed_over(tmp_path):
    start = {"event": "run_start", "decides": MINE, "config": None}
    (tmp_path / "a.jsonl").write_text(json.dumps(start) + "\n")
    assert find_run(tmp_path, MINE, None, ("lr",)) is None


@pytest.mark.parametrize("name", ["..", ".", "-a", "a b", "a\n"])
def test_a_file_whose_name_is_no_run_id_is_no_run(tmp_path, name):
    run_of(tmp_path, "a", MINE)
    (tmp_path / "a.jsonl").rename(tmp_path / f"{name}.jsonl")
    assert find_run(tmp_path, MINE, None) is None


def test_an_unfinished_run_of_the_name_that_something_else_decides_is_refused(tmp_path):
    run_of(tmp_path, "a", MINE)
    with pytest.raises(RunError, match="a.jsonl was started with --lr=0.1; go on with it as"):
        find_run(tmp_path, MINE | {"lr": 0.2}, "a")
    with pytest.raises(RunError, match="was started with another corpus;"):
        find_run(tmp_path, MINE | {"corpus": "other"}, "a")


def test_a_field_that_was_left_to_be_chosen_may_differ(tmp_path):
    run_of(tmp_path, "a", MINE)
    there = MINE | {"precision": "bfloat16"}
    assert find_run(tmp_path, there, None) is None
    assert find_run(tmp_path, there, None, may_differ=("precision",)).start["decides"] == MINE
    run_of(tmp_path / "asked", "b", MINE, precision="float32")
    assert find_run(tmp_path / "asked", there, None, may_differ=("precision",)) is None

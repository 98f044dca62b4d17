import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from analysis import report
from analysis.readers.unfinished import LOCKS
from analysis.schema import Log


def test_the_command_writes_one_file_and_says_where(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:
    read_runs({})
    out = tmp_path / "results"
    status, printed, _ = call(report.main, tmp_path, f"--out={out}")
    assert status == 0
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert f"wrote {out / 'report.html'}" in printed


def test_watching_waits_for_a_log_writes_pages_and_ends_with_a_whole_one(
    runlog_text: Callable[..., str], tmp_path: Path
) -> None:
    log, page = tmp_path / "a.jsonl", tmp_path / "plots" / "report.html"
    lines = runlog_text(run_id="a").splitlines(keepends=True)
    code = "from analysis import report; report.EVERY = 0.1; report.main()"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), "--watch"],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        fcntl.flock(file, fcntl.LOCK_EX)  # as train does
        assert process.stdout
        assert process.stdout.readline().startswith(page.as_uri())
        wait_for("No run yet", page, process)
        file.writelines(lines[:12])
        file.flush()
        wait_for("1 run in progress" if LOCKS.exists() else "No run in progress", page, process)
        file.writelines(lines[12:])
        file.flush()
        wait_for("<td>completed</td>", page, process)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert printed.strip() == f"wrote {page}"
    whole = page.read_text("utf-8")
    assert whole.rstrip().endswith("</html>")
    assert 'id="follow"' not in whole
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def wait_for(text: str, path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until this stands in a file that a process writes."""
    while not (path.exists() and text in path.read_text("utf-8")):
        assert process.poll() is None
        time.sleep(0.05)


def test_watching_what_does_not_exist_is_an_error(
    tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, printed = call(report.main, tmp_path / "lgos", "--watch")
    assert status == 1
    assert "lgos: no such file or folder" in printed

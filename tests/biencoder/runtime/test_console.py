import io
import subprocess
import sys
from pathlib import Path

from biencoder.runtime import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_terminal_progress_is_lines_and_no_more_often_than_they_are_asked_for(
    monkeypatch, capsys
):
    monkeypatch.setattr(console, "SECONDS_A_LINE", 0)
    with console.progress("epoch 1/2", 3, "step") as bar:
        for _ in range(3):
            bar.set_postfix_str("loss 0.5", refresh=False)
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("epoch 1/2: 100%")
    assert "3/3" in lines[-1]
    assert "loss 0.5" in lines[-1]
    assert not any("\r" in line for line in lines)

    monkeypatch.setattr(console, "SECONDS_A_LINE", 3600)
    with console.progress("epoch 2/2", 3, "step") as bar:
        bar.update(3)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_progress_is_a_bar_that_leaves_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.progress("epoch 1/2", 3, "step") as bar:
        bar.update(3)
    shown = terminal.getvalue()
    assert "epoch 1/2" in shown
    assert "\n" not in shown


def test_a_run_goes_on_where_nobody_reads_its_progress():
    """Standard error on a full disk, as a cluster's job log over its quota."""
    script = """
from biencoder.runtime import console
console.SECONDS_A_LINE = 0
with console.progress("epoch 1/1", 2, "step") as bar:
    bar.update()
    bar.update()
console.note("a note")
console.say("done")
"""
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True
        )
    assert (run.returncode, run.stdout) == (0, "done\n")

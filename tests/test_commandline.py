import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

import commandline
from commandline import UsageError, closest, help_text, parse

ROOT = Path(__file__).parents[1]


class Failure(Exception):
    """What a command is told to print as one line."""


class Options(BaseModel):
    """Do the thing."""

    smooth: bool = Field(True, description="Whether to smooth.")
    rate: float = Field(0.5, gt=0, description="The rate, per second.")
    name: str | None = Field(None, description="A name.")
    mode: Literal["fast", "slow"] | None = Field(None, description="How.")
    paths: list[str] = Field([], description="Files to read.")


PROGRAM = """
import sys, pydantic, commandline
def job(options):
    {job}
commandline.main(job, type("Options", (pydantic.BaseModel,), {{}}), prog="tool")
"""


def tool(job, stdout=subprocess.PIPE):
    """(exit status, standard output, error) of a program that does `job`."""
    command = [sys.executable, "-c", PROGRAM.format(job=job)]
    answer = subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True)
    return answer.returncode, answer.stdout, answer.stderr


def test_a_reader_that_leaves_ends_the_program_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    assert tool("print('more')", stdout=writer) == (1, None, "")
    os.close(writer)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_costs_nothing_and_no_file_takes_its_place(tmp_path, closed):
    file = tmp_path / "file"
    job = f"log = open({str(file)!r}, 'w'); print('lost'); print('lost', file=sys.stderr)"
    command = [sys.executable, "-c", PROGRAM.format(job=job)]
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', *command]
    assert subprocess.run(shell, cwd=ROOT, capture_output=True).returncode == 0
    assert file.read_text() == ""


def test_standard_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        status, _, printed = tool("print('more')", stdout=full)
    assert (status, printed) == (1, "tool: [Errno 28] No space left on device\n")


def test_an_error_of_the_system_is_one_line_that_names_the_file():
    assert tool("open('/absent/file')") == (
        1,
        "",
        "tool: [Errno 2] No such file or directory: '/absent/file'\n",
    )


def test_an_interrupt_is_one_line_and_the_shells_status():
    assert tool("raise KeyboardInterrupt") == (130, "", "tool: interrupted by SIGINT\n")


@pytest.mark.parametrize("off", ["=false", "=False", "=0", "=off", "=no", " false"])
def test_a_switch_is_turned_off_by_every_usual_word(off):
    assert parse(Options, f"--smooth{off}".split()).smooth is False


@pytest.mark.parametrize("off", ["--nosmooth", "--no-smooth", "--no_smooth"])
def test_a_switch_is_turned_off_by_a_no_before_its_name(off):
    assert parse(Options, [off]).smooth is False


def test_a_bare_switch_is_on_and_takes_no_file_for_its_value():
    options = parse(Options, ["--smooth", "logs/"], positional="paths")
    assert (options.smooth, options.paths) == (True, ["logs/"])


def test_a_value_may_follow_an_equals_sign_or_a_space_and_may_be_negative():
    assert parse(Options, ["--rate=2"]).rate == parse(Options, ["--rate", "2"]).rate == 2
    with pytest.raises(UsageError, match="--rate=-2: must be greater than 0"):
        parse(Options, ["--rate", "-2"])


@pytest.mark.parametrize("text", ["2024", "1e3", "True", "None", "[1]", "a=b", "007"])
def test_text_stays_the_text_that_was_typed(text):
    assert parse(Options, [f"--name={text}"]).name == text


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--smoth=1"], "--smoth: no such flag; did you mean --smooth?"),
        (["--smooth=flase"], "--smooth=flase: must be True or False; did you mean false?"),
        (["--rate"], "--rate needs a value: write --rate=VALUE"),
        (["--rate="], "--rate is empty: write a value, or leave the flag out"),
        (["--rate=fast"], "--rate=fast: must be a number"),
        (["--rate", "--smooth"], "--rate needs a value"),
        (["--rate=1", "--rate=2"], "--rate is given twice"),
        (["--smooth", "--nosmooth"], "--smooth is given twice"),
        (["--no-smooth=1"], "--no-smooth takes no value: write --smooth=True or False"),
        (["--mode=fats"], "--mode=fats: must be 'fast' or 'slow'; did you mean fast?"),
        (
            ["rate=1"],
            "'rate=1' is not a flag: flags are written --name=value; did you mean --rate?",
        ),
        (["-", "x"], "'-' is not a flag"),
        (["--", "--rate=1"], "'--' is not a flag"),
        (["-rate=1"], "'-rate=1' is not a flag"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(argv, line):
    with pytest.raises(UsageError) as error:
        parse(Options, argv)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_the_help_lists_every_flag_with_its_default_and_its_sentence():
    text = help_text(Options, "tool", positional="paths")
    assert text.startswith("usage: tool [paths …] [--flag=value …]\n\nDo the thing.")
    for name, field in Options.model_fields.items():
        assert name in text
        assert field.description in text
    assert "--rate=VALUE (default 0.5)" in text


@pytest.mark.parametrize(
    ("outcome", "status", "line"),
    [
        (None, None, ""),
        (3, 3, ""),
        (Failure("no space left"), 1, "tool: no space left\n"),
        (UsageError("--a and --b"), 2, "tool: --a and --b (tool --help lists the flags)\n"),
    ],
)
def test_the_exit_status_tells_wrong_use_from_a_failed_run(capsys, outcome, status, line):
    def job(options):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(SystemExit) as exit_:
        commandline.main(job, Options, prog="tool", failures=(Failure,), argv=[])
    assert exit_.value.code == status
    assert capsys.readouterr().err == line


def test_the_job_does_not_start_when_a_flag_is_wrong():
    with pytest.raises(SystemExit):
        commandline.main(
            lambda _: pytest.fail("the job ran"), Options, prog="tool", argv=["--rat=1"]
        )


@pytest.mark.parametrize(
    "command",
    [
        "-m analysis.plot logs/",
        "-m analysis.report",
        "-m biencoder",
        "train.py --help",
        "ablation.py",
    ],
)
def test_a_command_without_its_environment_is_one_line_that_says_what_to_activate(command):
    answer = subprocess.run(
        [sys.executable, "-S", *command.split()],  # without site-packages
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1), answer.stderr
    assert "then `source .venv/bin/activate`" in answer.stderr


def test_what_the_job_itself_lacks_is_one_line_too(capsys):
    def job(_):
        raise ModuleNotFoundError(name="torch")

    with pytest.raises(SystemExit) as end:
        commandline.main(job, Options, prog="tool", argv=[])
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("tool: torch is not installed for ")


def test_nothing_is_suggested_where_nothing_is_near():
    assert closest("zzz", ["rate", "smooth"]) == ""


def test_a_path_below_home_is_expanded_wherever_it_stands(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")
    options = parse(Options, ["--name=~/logs", "~/a", "b~/c"], "paths")
    assert (options.name, options.paths) == ("/somebody/logs", ["/somebody/a", "b~/c"])
    assert parse(Options, ["--name", "~"]).name == "/somebody"


def test_a_home_that_is_not_known_is_one_line(monkeypatch):
    def unknown(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", unknown)
    with pytest.raises(UsageError, match="~/logs: HOME is not set; write the whole path"):
        parse(Options, ["--name=~/logs"])


def test_the_help_breaks_no_name_in_two():
    class Named(BaseModel):
        """A tool."""

        mode: Literal[tuple(f"{letter * 30}-mode" for letter in "abcd")] = Field(
            "a" * 30 + "-mode", description="Such as " + "x-y" * 30
        )

    text = help_text(Named, "tool")
    assert max(map(len, text.splitlines())) <= 104
    assert all(f"{letter * 30}-mode" in text for letter in "abcd")
    assert "x-y" * 30 in text
    assert "| " not in text

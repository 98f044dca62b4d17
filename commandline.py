"""The strict command line that all commands share.

By itself python-fire runs the job first and complains about a mistyped flag afterwards, and it
guesses types (`--run_id=2024` becomes a number, `--layernorm=false` a truthy string). So a command
is declared as one pydantic model, whose fields are its flags: every token is checked against them,
fire then splits the tokens without guessing, pydantic validates, and only then does the job begin.
"""

import difflib
import inspect
import io
import os
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TypeVar


def _not_installed(missing: ModuleNotFoundError) -> str:
    return (
        f"{missing.name} is not installed for {sys.executable}: run `make setup` once, then "
        "`source .venv/bin/activate`"
    )


try:
    import fire
    from fire.decorators import SetParseFn
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    if find_spec("polars") is None:  # which both packages import first of all
        raise ModuleNotFoundError(name="polars")
except ModuleNotFoundError as missing:
    sys.exit(_not_installed(missing))

Options = TypeVar("Options", bound=BaseModel)

#: What pydantic expects → the same for a person at a command line.
PLAIN = {
    "boolean, unable to interpret input": "True or False",
    "integer, unable to parse string as an integer": "a whole number",
    "number, unable to parse string as a number": "a number",
}

SWITCH_WORDS = ("true", "false", "yes", "no", "on", "off", "1", "0")


class UsageError(Exception):
    """A wrong invocation: its one line is printed and the exit status is 2."""


def main(
    job: Callable[[Options], int | None],
    options: type[Options],
    *,
    prog: str,
    failures: tuple[type[Exception], ...] = (),
    positional: str | None = None,
    argv: list[str] | None = None,
) -> NoReturn:
    """Run `job` on the options that the command line spells, then exit with its status.

    `options` is the pydantic model whose fields are the flags; its docstring opens the help.
    Its class variable `removed_flags`, if any, maps each removed flag to what replaced it.
    `positional` names the field, if any, that takes the words which are not flags.
    Exit status: the job's own (None is 0), 2 for `UsageError`, 1 for an error of the types in
    `failures`, whose message is printed as one line.
    """
    arguments = sys.argv[1:] if argv is None else argv

    def run() -> int | None:
        if {"--help", "-h"} & {argument.partition("=")[0] for argument in arguments}:
            print(help_text(options, prog, positional))
            return 0
        return job(parse(options, arguments, positional))

    _exit_with_status_of(run, prog, failures)


def _exit_with_status_of(
    run: Callable[[], int | None], prog: str, failures: tuple[type[Exception], ...]
) -> NoReturn:
    """See `main`: whatever `run` prints or raises ends in a status and at most one line."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of few characters
    try:
        status = run()
        sys.stdout.flush()
        sys.exit(status)
    except UsageError as error:
        _complain(prog, f"{error} ({prog} --help lists the flags)")
        sys.exit(2)
    except BrokenPipeError:
        silence()  # as `| head` would have it
        sys.exit(1)
    except failures as error:
        _complain(prog, str(error))
        sys.exit(1)
    except OSError as error:
        _complain(prog, str(error))
        silence()  # it may be standard output that is full
        sys.exit(1)
    except ModuleNotFoundError as error:
        _complain(prog, _not_installed(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _complain(prog, "interrupted by SIGINT")
        sys.exit(130)


def _open_what_is_closed() -> None:
    """Lead streams that the shell has closed (`>&-`) to nowhere.

    Otherwise the next file to be opened, perhaps a log, would take the number of standard output.
    """
    while (nowhere := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(nowhere)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def silence() -> None:
    """Discard whatever is still printed, because nobody reads it or it cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _complain(prog: str, message: str) -> None:
    """One line on stderr, whatever a flag or a file's name holds."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    print(f"{prog}: {shown}", file=sys.stderr)


def commands(
    jobs: dict[str, tuple[Callable[[Any], int | None], type[BaseModel]]],
    *,
    prog: str,
    failures: tuple[type[Exception], ...] = (),
    argv: list[str] | None = None,
) -> NoReturn:
    """`main` for a program of several commands: the first word names the one to run."""
    arguments = sys.argv[1:] if argv is None else argv
    usage = (
        f"usage: {prog} {'|'.join(jobs)} [--flag=value …]; {prog} COMMAND --help lists the flags"
    )
    name = arguments[0] if arguments else "--help"

    def show_usage() -> int:
        print(usage)
        return 0 if arguments else 2

    if name in ("--help", "-h"):
        _exit_with_status_of(show_usage, prog, failures)
    if name not in jobs:
        _complain(prog, f"{name!r}: no such command{closest(name, jobs)} ({usage})")
        sys.exit(2)
    job, options = jobs[name]
    main(job, options, prog=f"{prog} {name}", failures=failures, argv=arguments[1:])


def parse(options: type[Options], argv: list[str], positional: str | None = None) -> Options:
    """Read `argv` into the options model. Raises `UsageError` naming the flag at fault."""
    collected: dict[str, Any] = {}
    for token in argv:
        if any("\ud800" <= character <= "\udfff" for character in token):
            raise UsageError(f"{token!a} is not UTF-8")

    @SetParseFn(str)
    def collect(*words: str, **flags: str) -> None:
        collected.update(flags)
        if words and positional:
            collected[positional] = list(words)

    removed = getattr(options, "removed_flags", {})
    fire.Fire(collect, command=_checked_tokens(argv, options.model_fields, positional, removed))
    try:
        return options(**collected)
    except ValidationError as error:
        raise UsageError(_one_line(error.errors()[0], options.model_fields)) from None


def help_text(options: type[BaseModel], prog: str, positional: str | None = None) -> str:
    """The help page: the model's docstring, then each flag with its default and its sentence."""
    words = f" [{positional} …]" if positional else ""
    lines = [
        f"usage: {prog}{words} [--flag=value …]",
        "",
        inspect.cleandoc(options.__doc__ or ""),
        "",
    ]
    for name, field in options.model_fields.items():
        if name == positional:
            lines += [f"  {name}", f"      {field.description}"]
            continue
        default = field.get_default(call_default_factory=True)
        shown = "" if default is None else f" (default {default})"
        shown = " (required)" if field.is_required() else shown
        choices = _choices(field)
        # The blanks behind bars are places to break a line, and are taken out again.
        flag = f"  --{name}={'| '.join(choices) or 'VALUE'}{shown}"
        lines += [line.replace("| ", "|") for line in _wrapped(flag, "", " " * 8)]
        lines += _wrapped(field.description or "", " " * 6, " " * 6)
    return "\n".join(lines)


def _wrapped(text: str, first: str, others: str) -> list[str]:
    """Break a text into lines behind these indents, and no name into two."""
    return textwrap.wrap(
        text,
        98,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def closest(word: str, candidates: Iterable[str]) -> str:
    """'; did you mean X?' for the candidate nearest in spelling to `word`, '' where none is."""
    match = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.7)
    return f"; did you mean {match[0]}?" if match else ""


def _checked_tokens(
    argv: list[str],
    fields: dict[str, FieldInfo],
    positional: str | None,
    removed: Mapping[str, str],
) -> list[str]:
    """`argv` in the one spelling that fire cannot misread: `--name=value`, words as they are."""
    flags = {name: field for name, field in fields.items() if name != positional}
    switches = {name for name, field in flags.items() if _is_switch(field)}
    spelled_off = {f"no{joint}{name}": name for name in switches for joint in ("", "_")}
    tokens: list[str] = []
    seen: set[str] = set()
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        if positional and not token.startswith("-"):
            tokens.append(_at_home(token))
            continue
        spelled, has_value, value = token.partition("=")
        name = spelled[2:].replace("-", "_")
        if spelled == "--" or not spelled.startswith("--"):
            hint = closest("--" + spelled.strip("-"), [f"--{flag}" for flag in flags])
            raise UsageError(f"{token!r} is not a flag: flags are written --name=value{hint}")
        if name in spelled_off:
            if has_value:
                switch = spelled_off[name]
                raise UsageError(f"{spelled} takes no value: write --{switch}=True or False")
            name, value = spelled_off[name], "False"
        elif gone := {name, name.removeprefix("no").removeprefix("_")} & removed.keys():
            raise UsageError(f"--{min(gone)} was removed: {removed[min(gone)]}")
        elif name not in flags:
            known = [f"--{flag}" for flag in (*flags, *spelled_off, "help") if flag != name]
            raise UsageError(f"{spelled}: no such flag{closest('--' + name, known)}")
        elif not has_value:
            value = _following_value(rest, spelled, is_switch=name in switches)
        if not value:
            raise UsageError(f"--{name} is empty: write a value, or leave the flag out")
        if name in seen:
            raise UsageError(f"--{name} is given twice: keep one of them")
        seen.add(name)
        tokens.append(f"--{name}={_at_home(value)}")
    return tokens


def _at_home(value: str) -> str:
    """Expand `~/`, which a shell leaves as it is behind `--flag=`. Raises `UsageError`."""
    if value != "~" and not value.startswith("~/"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:  # a user without an entry in /etc/passwd, as in containers
        raise UsageError(f"{value}: HOME is not set; write the whole path") from None


def _following_value(rest: list[str], spelled: str, *, is_switch: bool) -> str:
    """The value of a flag written without `=`: the next word, or True for a bare switch."""
    if is_switch:
        return rest.pop(0) if rest and rest[0].lower() in SWITCH_WORDS else "True"
    if not rest or (rest[0].startswith("-") and not _is_number(rest[0])):
        raise UsageError(f"{spelled} needs a value: write {spelled}=VALUE")
    return rest.pop(0)


def _one_line(error: ErrorDetails, fields: dict[str, FieldInfo]) -> str:
    """One validation error as a sentence that names the flag and, where it can, the right value."""
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return f"--{name} is needed: {fields[name].description}"
    given = error["input"]
    hint = closest(str(given), SWITCH_WORDS if _is_switch(fields[name]) else _choices(fields[name]))
    if error["type"] == "string_pattern_mismatch":
        examples = " or ".join(fields[name].examples or ())
        return f"--{name}={given} does not fit: write it as {examples}"
    reason = error["msg"].replace("Input should be", "must be")
    for kind, plain in PLAIN.items():
        reason = reason.replace(f"a valid {kind}", plain)
    return f"--{name}={given}: {reason[0].lower()}{reason[1:]}{hint}"


def _is_switch(field: FieldInfo) -> bool:
    return bool in _alternatives(field)


def _choices(field: FieldInfo) -> list[str]:
    """The words that a `Literal` field takes; 'True' and 'False' for a switch; else nothing."""
    if _is_switch(field):
        return ["True", "False"]
    return [
        str(choice)
        for alternative in _alternatives(field)
        if typing.get_origin(alternative) is typing.Literal
        for choice in typing.get_args(alternative)
    ]


def _alternatives(field: FieldInfo) -> tuple[Any, ...]:
    """The members of the field's annotation where it is a union, else the annotation alone."""
    if typing.get_origin(field.annotation) in (typing.Union, types.UnionType):
        return typing.get_args(field.annotation)
    return (field.annotation,)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

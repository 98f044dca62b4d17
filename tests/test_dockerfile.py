"""What can be said of the image without building it; tests/image/check.sh builds and uses it."""

import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEPS = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
PINS = [
    line
    for name in ("constraints.txt", "constraints-image.txt")
    for line in (ROOT / name).read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def arguments(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in STEPS if line.startswith(f"{instruction} ")]


def test_the_default_base_is_pinned_by_version():
    (base,) = [value for value in arguments("ARG") if value.startswith("BASE_IMAGE=")]
    name, _, tag = base.partition(":")
    assert name == "BASE_IMAGE=nvidia/cuda"
    assert tag.split("-")[0].count(".") == 2


def test_a_command_replaces_the_default_one_and_hears_signals_itself():
    assert [json.loads(value) for value in arguments("ENTRYPOINT")] == [[]]
    assert [json.loads(value) for value in arguments("CMD")] == [["train", "--help"]]


def test_the_image_ends_with_a_user_by_number():
    assert arguments("USER")[-1] == "${APP_UID}:${APP_GID}"


def test_whatever_the_package_is_built_from_reaches_the_builder():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    tools = project["tool"]["setuptools"]
    needed = {f"{module}.py" for module in tools["py-modules"]}
    needed |= {name.removesuffix(".*") for name in tools["packages"]["find"]["include"]}
    needed |= {"pyproject.toml", "constraints.txt", project["project"]["readme"]}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    assert needed <= {line.removeprefix("!") for line in ignored if line.startswith("!")}


def test_no_library_is_pinned_twice():
    names = [pin.partition("==")[0].lower().replace("_", "-") for pin in PINS]
    assert all("==" in pin for pin in PINS)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("package", ["analysis", "biencoder"])
def test_every_folder_of_code_is_a_package_that_the_wheel_finds(package):
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []

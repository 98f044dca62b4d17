"""What README says that a machine can check: its snippets parse, its names exist."""

import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(first_line):
    """The indented blocks that begin with `first_line`, as they would be typed."""
    found = re.findall(rf"^(    {first_line}.*\n(?:(?:    .*)?\n)*)", README, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("script", blocks("#!/bin/bash"))
def test_each_slurm_script_is_one_that_bash_can_parse(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "#SBATCH" in script


def test_the_kubernetes_job_is_yaml_with_the_fields_that_a_job_needs():
    (text,) = blocks("apiVersion")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/app/logs", "/app/checkpoints"} < mounted


def test_every_target_of_make_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)", README, re.MULTILINE))
    for target in {one or other for one, other in named}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("package", ["analysis", "biencoder"])
def test_the_tree_names_every_module(package):
    modules = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py"}
    assert {name for name in modules if f" {name} " not in README} == set()

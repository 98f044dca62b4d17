"""What the READMEs say that a machine can check: commands and names."""

import re
import subprocess

import pytest
import yaml
from pages import JOB, README, ROOT, TOOLS, blocks


def test_commands_of_the_environment_come_after_the_line_that_activates_it():
    first = re.search("^    (python|train|biencoder) ", README, re.MULTILINE)
    assert README.index("    source .venv/bin/activate\n") < first.start()


@pytest.mark.parametrize("script", blocks(JOB, "#!/bin/bash"))
def test_each_slurm_script_is_one_that_bash_can_parse(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "#SBATCH" in script


def test_the_kubernetes_job_is_yaml_with_the_fields_that_a_job_needs():
    (text,) = blocks(JOB, "apiVersion")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/app/logs", "/app/checkpoints"} < mounted


def test_every_target_of_make_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    pages = "\n".join(path.read_text("utf-8") for path in ROOT.glob("[!.]*/**/README.md")) + README
    named = set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)", pages, re.MULTILINE))
    for target in {one or other for one, other in named}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    ("package", "page"),
    [("biencoder", JOB), ("analysis", TOOLS.partition("## Where things are")[2])],
)
def test_a_packages_page_names_every_module(package, page):
    words = {word.removesuffix(".py") for word in re.findall(r"[\w.]+", page)}
    modules = {path.stem for path in (ROOT / package).rglob("*.py")} - {"__init__"}
    assert modules - words == set()


def test_readme_fits_a_page():
    assert len(README.splitlines()) <= 150

"""The three lists of packages agree, and installing the course in Colab replaces nothing."""

from __future__ import annotations

import re
import subprocess

import pytest
from packaging.requirements import Requirement

from course_utils.notebooks import ROOT

# Colab's own versions, 19 August 2026 (googlecolab/backend-info).
COLAB = {"torch": "2.11.0", "torchvision": "0.26.0", "ipywidgets": "7.7.1", "numpy": "2.1.3", "matplotlib": "3.10.0", "pillow": "11.3.0"}


def listed(lines: list[str]) -> dict[str, str]:
    """Name -> version range."""
    return {(one := Requirement(line)).name: str(one.specifier) for line in lines}


@pytest.fixture(scope="module")
def requirements() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return listed([line for line in lines if line.strip() and not line.startswith("#")])


@pytest.fixture(scope="module")
def dependencies() -> dict[str, str]:
    block = re.search(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)[1]
    return listed(re.findall(r'"(.+?)"', block))


def test_package_asks_for_nothing_else_than_the_course(requirements, dependencies) -> None:
    assert dependencies.items() <= requirements.items()


def test_only_lower_bounds(requirements) -> None:
    assert all(re.fullmatch(r">=[\d.]+", bound) for bound in requirements.values())


def test_colab_keeps_what_it_has(dependencies) -> None:
    assert dependencies.keys() == COLAB.keys()
    for name, version in COLAB.items():
        assert Requirement(name + dependencies[name]).specifier.contains(version), name


def test_conda_environment_lists_the_same(requirements) -> None:
    lines = re.findall(r"^  - (\w[\w-]*>=.*)$", (ROOT / "environment.yml").read_text(), re.M)
    conda = listed(lines)
    conda["torch"] = conda.pop("pytorch")
    assert conda.pop("python") == ">=3.10"
    assert conda == requirements


def test_help_lists_every_command() -> None:
    out = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "test-real", "execute", "train", "bench", "clean", "help"):
        assert re.search(rf"^  make {target} +\w", out, re.M), out


def test_an_old_python_is_refused_in_words(tmp_path) -> None:
    old = tmp_path / "python2"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.8.18; exit; }\nexit 1\n')
    old.chmod(0o755)
    ran = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), "setup", f"PYTHON={old}", f"VENV={tmp_path}/venv"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode != 0 and not (tmp_path / "venv").exists()
    assert f"Python 3.10 or newer is needed; '{old}' is Python 3.8.18." in ran.stdout


def test_ci_runs_what_the_readme_names() -> None:
    commands = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(
        line for line in (ROOT / ".ci" / "run").read_text().splitlines() if not line.startswith("#")
    )))  # fmt: skip
    assert commands == {"test", "test-real"}
    readme = (ROOT / "README.md").read_text()
    assert all(f"make {command}" in readme for command in commands) and "chromium" in readme.lower()

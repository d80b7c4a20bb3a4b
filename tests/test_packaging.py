"""The three lists of packages agree, and installing the course in Colab replaces nothing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from course_utils.places import course_folder

ROOT = course_folder()
# Colab's own versions, 19 August 2026 (googlecolab/backend-info).
COLAB = {"torch": "2.11.0", "torchvision": "0.26.0", "ipywidgets": "7.7.1", "numpy": "2.1.3", "matplotlib": "3.10.0", "pillow": "11.3.0"}

BESIDE = {"pycocotools"}  # of what it needs only numpy counts, in any version: wherever it is missing it can be added


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
    assert dependencies.keys() == COLAB.keys() | BESIDE
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
    for target in ("lab", "test", "test-all", "test-fast", "test-real", "execute", "slides", "train", "bench", "clean", "help"):
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
    assert commands == {"test-all", "test-real"}
    readme = (ROOT / "README.md").read_text()
    assert all(f"make {command}" in readme for command in commands) and "chromium" in readme.lower()


def pytest_line(target: str) -> str:
    """The command that a target of the Makefile would run pytest with."""
    lines = subprocess.run(["make", "-n", target, "NAME=", "PYTEST=", "JOBS=auto"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return next(line for line in lines.replace("\\\n", " ").splitlines() if "-m pytest" in line)


@pytest.mark.parametrize("target", ["test", "test-all", "test-real"])
def test_commands_name_no_chapter(target: str) -> None:
    line = pytest_line(target)
    assert not re.search(r"\d\d_", line) and "-n auto --dist loadfile" in line
    arguments = line.split("-m pytest")[1].split()
    if target == "test-real":
        assert line.startswith("COURSE_DATA=real ") and "--nbval-lax" in arguments
    assert "notebooks" in arguments or not any(argument.startswith("tests") for argument in arguments)
    left_out = [path for option, path in zip(arguments, arguments[1:]) if option == "--ignore"]
    assert left_out == ([] if target == "test-all" else ["notebooks/solutions"])


def test_pytest_finds_every_chapter_by_itself() -> None:
    """With what `make test-all` gives it, in the folder of the chapters; importing the unit tests would take long."""
    arguments = [*pytest_line("test-all").split("-m pytest")[1].split(), "--collect-only", "-q", "-n", "0", "notebooks"]
    ran = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-2000:]
    found = set(re.findall(r"^(\S+\.ipynb)::", ran.stdout, re.M))
    assert found == {str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}


def test_opening_the_course_does_not_wait_for_torch() -> None:
    code = "import sys, course_utils.lab; print([name for name in ('torch', 'matplotlib', 'nbformat') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"

"""The house itself: which module may import which, how long a file may be, and what an import may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "course_utils"
FILES = sorted(PACKAGE.rglob("*.py"))
DRAWING = {"digits", "faces", "scenes", "shapes", "shortcut", "signs", "drawing"}  # tables of strokes and shapes: these may be longer
# From the ground up: a file imports only from its own floor (but never in a circle) and from those before it.
FLOORS = (
    "__init__", "places", "handout", "scores", "runtime", "transforms", "data", "models", "layers", "training", "visualize", "attacks", "defenses",
    "measure", "show", "explore", "chapter", "checking", "checks", "tasks", "notebooks", "exercises", "arena", "lab", "screens",
)  # fmt: skip


def name_of(path: Path) -> str:
    """`course_utils.layers.local` for a file; a package's `__init__` stands for the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def static_only(tree: ast.AST) -> set[ast.AST]:
    """What stands under `if TYPE_CHECKING:`, which never runs."""
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return {inner for block in blocks for inner in ast.walk(block)}


def imports(name: str) -> set[str]:
    """The course's modules that a module imports anywhere in its text, also inside functions."""
    path = MODULES[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in set(ast.walk(tree)) - static_only(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            up = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (up, node.module or "")))
            found.update(inner if (inner := f"{base}.{alias.name}") in MODULES else base for alias in node.names)
    return {module for module in found if module in MODULES} - {name}


GRAPH = {name: imports(name) for name in MODULES}


def floor(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Some modules that import each other in a circle, or nothing."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_the_graph_is_read_rightly() -> None:
    """The reader of imports finds what it must; else the tests below could not fail."""
    assert "course_utils.runtime.checks" in GRAPH["course_utils.runtime"]
    assert "course_utils.runtime.devices" in GRAPH["course_utils.runtime.checks"]
    assert "course_utils.runtime" in GRAPH["course_utils.attacks.fgsm"]
    assert {"course_utils.show", "course_utils.data"} <= GRAPH["course_utils.chapter"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_module_imports_in_a_circle() -> None:
    # `course_utils/__init__` imports `chapter` only when someone asks for setup or claim, after everything is loaded.
    graph = {name: others - ({"course_utils.chapter"} if name == "course_utils" else set()) for name, others in GRAPH.items()}
    assert not circle(graph), " -> ".join(circle(graph))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_module_imports_upward(name: str) -> None:
    assert floor(name) in FLOORS, f"{name} is on no floor of this house; add it to FLOORS"
    allowed = FLOORS[: FLOORS.index(floor(name)) + 1]
    wrong = {other for other in GRAPH[name] if floor(other) not in allowed and floor(name) != "__init__"}
    assert not wrong, f"{name} imports {', '.join(sorted(wrong))}, which stand above it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_can_be_read_in_one_go(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if not DRAWING & set(path.relative_to(PACKAGE).with_suffix("").parts):
        assert lines <= 250, f"{path.name} has {lines} lines; split it by subject"


def test_drawn_pictures_do_not_wait_for_torchvision() -> None:
    """torchvision brings torch's compiler, two seconds of a chapter's start; who reads no real data does not need it."""
    code = (
        "import sys; from course_utils import answer, claim, setup; setup(data='drawn');"
        "from course_utils import attacks, data, explore, layers, measure, models, runtime, show, training, visualize;"
        "from course_utils.exercises import check; data.load('digits', 'test', 4); models.classifier('digits');"
        "print('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout.splitlines()[-1] == "False", done.stdout + done.stderr


def test_the_package_itself_imports_nothing_heavy() -> None:
    """`import course_utils` and its `places` start at once; `setup` and `claim` are there all the same."""
    code = (
        "import sys, course_utils, course_utils.places; assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules; "
        "from course_utils import claim, setup; claim('here', True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout == "✓ here\n", done.stderr

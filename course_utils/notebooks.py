"""The chapters as files: execute and normalise them, generate the student's copies, set the repository's address.

    python -m course_utils.notebooks [09_fgsm ...]          execute, normalise, generate the student's, execute that
    python -m course_utils.notebooks --slug OWNER/REPO      after forking: rewrite every address of the repository

Authors edit `notebooks/solutions/NN_name.ipynb`; `notebooks/NN_name.ipynb` is generated from it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLUG = "OWNER/REPO"  # the repository on GitHub; `--slug` rewrites it everywhere
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
KEPT = ("slideshow", "tags", "jupyter", "editable", "deletable")  # cell metadata that means something; the rest is noise
STUB = "raise NotImplementedError  # your code here"

# The same letter for letter in every chapter (tests/test_notebooks.py). Colab opens a notebook alone, without
# the files beside it, so there the course is fetched first; nothing is installed: Colab has all it needs.
SETUP_CELL = f"""\
# Set-up: on your own machine this finds the course; in Colab it fetches it first.
import os, subprocess, sys
if "google.colab" in sys.modules and not os.path.isdir("/content/course"):
    subprocess.run("git clone -q --depth 1 https://github.com/{SLUG} /content/course".split(), check=True)
sys.path[:0] = [os.path.abspath(d) for d in ("..", "../..", ".", "/content/course") if os.path.isdir(d + "/course_utils")]
from course_utils import claim, setup; setup()"""


def authored(names: Iterable[str] = ()) -> list[Path]:
    """The authors' notebooks, all or those named ("09_fgsm"), in order."""
    from .runtime import pick

    found = {path.stem: path for path in sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))}
    return [found[pick("chapter", Path(name).stem, found)] for name in names] or list(found.values())


def student_path(path: Path) -> Path:
    """Where the student's copy of an authored notebook lies."""
    return path.parent.parent / path.name


def colab_link(name: str) -> str:
    """The link that opens the student's notebook in Colab. A text, not a badge: pictures from afar break offline."""
    return f"[Open in Colab](https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/{name}.ipynb)"


# ---------------------------------------------------------------- normalising and executing


def normalise(book):
    """Remove all that changes from run to run: timings, widget state, versions, stderr; number the cells 1 .. n."""
    book.metadata = type(book.metadata)({"kernelspec": KERNEL, "language_info": LANGUAGE})
    book.nbformat, book.nbformat_minor = 4, 5
    count, ids = 0, set()
    for cell in book.cells:
        cell.metadata = type(cell.metadata)({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
        cell.id = new_id(cell.source, ids) if not cell.get("id") or cell.id in ids else cell.id
        ids.add(cell.id)
        if cell.cell_type != "code":
            cell.pop("attachments", None) if not cell.get("attachments") else None
            continue
        executed = cell.execution_count is not None
        count += executed
        cell.execution_count = count if executed else None
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            output.pop("transient", None)
            # A widget's model number is random and means nothing without its kernel.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return book


def new_id(source: str, taken: set[str]) -> str:
    """A cell id made from the cell's text, so that the same chapter gets the same ids everywhere."""
    salt = 0
    while (name := hashlib.sha1(f"{source}|{salt}".encode()).hexdigest()[:8]) in taken:
        salt += 1
    return name


def execute(book, folder: Path):
    """Run all cells in a fresh kernel, in `folder`, on the CPU with drawn pictures, and normalise."""
    from nbclient import NotebookClient

    where = {"COURSE_DEVICE": "cpu", "COURSE_DATA": "drawn", "COURSE_PROGRESS": "0", "CUDA_VISIBLE_DEVICES": ""}
    client = NotebookClient(
        book,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **where})
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                print(f"    on stderr, left out: {output.text.strip()[:500]}", file=sys.stderr)
    return normalise(book)


# ---------------------------------------------------------------- the student's copy


SOLUTION = re.compile(r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*$", re.M | re.S)
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", re.M)
CHECKED = re.compile(r"^(\w+ = )?check\(.*\)\n?", re.M)


def stub(source: str) -> str:
    """The student's version of a cell: each solution block becomes one line that raises NotImplementedError."""
    if any(not found["indent"] for found in SOLUTION.finditer(source)):
        raise ValueError("a solution block stands outside a function; its stub would stop Run All. Put it into a function.")
    out = SOLUTION.sub(lambda found: found["indent"] + STUB, source)
    if MARKER.search(out):
        raise ValueError("### BEGIN SOLUTION and ### END SOLUTION do not pair up in this cell:\n" + textwrap.indent(source, "    "))
    return out


def folded(source: str) -> str:
    """The solution as Markdown that opens at a click. Colab needs the blank line after </summary>."""
    code = CHECKED.sub("", MARKER.sub("", source)).strip("\n")
    return f"<details><summary>Solution</summary>\n\n```python\n{code}\n```\n\n</details>"


def student(book):
    """The student's notebook, not executed: stubs for solutions, each followed by its folded solution."""
    out = deepcopy(book)
    out.cells = []
    for cell in deepcopy(book.cells):
        solved = cell.source if cell.cell_type == "code" and MARKER.search(cell.source) else None
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if solved:
            cell.source = stub(solved)
        out.cells.append(cell)
        if solved:
            metadata = {"slideshow": {"slide_type": "notes"}, "tags": ["solution"]}
            out.cells.append(
                type(cell)(cell_type="markdown", id=f"{cell.id}-solution", metadata=type(cell)(metadata), source=folded(solved))
            )
    return normalise(out)


def carry_outputs(new, old) -> bool:
    """Move what was computed from `old` to `new` when all their code is the same; says whether it is."""
    fresh, stored = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (new, old))
    if [cell.source for cell in fresh] != [cell.source for cell in stored]:
        return False
    for cell, was in zip(fresh, stored):
        cell.outputs, cell.execution_count = was.outputs, was.execution_count
    return True


def drift(path: Path) -> str | None:
    """What differs between the committed student's notebook and the one generated from `path` (outputs aside)."""
    import nbformat

    committed = student_path(path)
    if not committed.exists():
        return f"{committed.relative_to(ROOT)} is missing"
    want = student(nbformat.read(path, as_version=4)).cells
    have = nbformat.read(committed, as_version=4).cells
    for number, (a, b) in enumerate(zip(want, have)):
        for key in ("cell_type", "source", "id", "metadata"):
            if a.get(key) != b.get(key):
                return f"{committed.name}: cell {number} ({b.id}) differs in its {key}:\n  generated {a.get(key)!r:.300}\n  committed {b.get(key)!r:.300}"
    if len(want) != len(have):
        return f"{committed.name}: {len(want)} cells are generated, {len(have)} committed"
    return None


def generate(path: Path) -> Path:
    """Write the student's copy of an authored notebook; what was computed stays when its code is the same."""
    import nbformat

    target = student_path(path)
    book = student(nbformat.read(path, as_version=4))
    kept = target.exists() and carry_outputs(book, nbformat.read(target, as_version=4))
    write(book, target)
    print(f"{target.name}: generated{'' if kept else ', not executed yet'}")
    return target


def write(book, path: Path) -> None:
    """Write a notebook beside its place, then move it there, so that no half-written file is ever seen."""
    import nbformat

    nbformat.validate(book)
    beside = path.with_suffix(".part")
    nbformat.write(book, beside)
    beside.replace(path)


def refresh(path: Path) -> None:
    """Bring one chapter up to date: execute and normalise the authored notebook, then the student's."""
    import nbformat

    for step in ("authored", "student"):
        target = path if step == "authored" else student_path(path)
        start = time.perf_counter()
        book = nbformat.read(path, as_version=4)
        for cell in book.cells:  # a set-up cell that was edited by hand goes back to the common one
            if "setup" in cell.metadata.get("tags", []):
                cell.source = SETUP_CELL
        if step == "student":
            book = student(book)
        write(execute(book, target.parent), target)
        print(f"{target.relative_to(ROOT)}: executed in {time.perf_counter() - start:.0f} s", flush=True)


# ---------------------------------------------------------------- the repository's address


ADDRESSES = (
    r"(colab\.research\.google\.com/github/)[\w.-]+/[\w.-]+(/blob/)",
    r"(--depth 1 https://github\.com/)[\w.-]+/[\w.-]+( /content/course)",
    r'(SLUG = ")[\w.-]+/[\w.-]+(")',
    r"(git clone https://github\.com/)[\w.-]+/[\w.-]+(\n)",
)


def set_slug(slug: str, root: Path = ROOT) -> list[Path]:
    """Rewrite the repository's address (`owner/name`) in README, links, set-up cells and this module; outputs stay."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", slug):
        raise ValueError(f"{slug!r} is not a repository's address; OWNER/REPO is expected, as in github.com/OWNER/REPO.")
    changed = []
    for path in (root / "README.md", root / "course_utils" / "notebooks.py", *sorted((root / "notebooks").rglob("*.ipynb"))):
        if not path.exists() or ".ipynb_checkpoints" in path.parts:
            continue
        old = new = path.read_text(encoding="utf-8")
        for pattern in ADDRESSES:
            if path.suffix == ".py" and "SLUG" not in pattern:
                continue  # the patterns above are in this very file
            new = re.sub(pattern, rf"\g<1>{slug}\g<2>", new)
        if new != old:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Execute and normalise the chapters, and generate the student's copies.")
    parser.add_argument("names", nargs="*", help="chapters, as 09_fgsm; all when none is given")
    parser.add_argument("--slug", metavar="OWNER/REPO", help="rewrite the repository's address everywhere and stop")
    options = parser.parse_args(arguments)
    if options.slug:
        for path in set_slug(options.slug):
            print(f"{path.relative_to(ROOT)}: now {options.slug}")
        return
    for path in authored(options.names):
        refresh(path)


if __name__ == "__main__":
    main()

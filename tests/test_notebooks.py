"""The chapters as files: executed, clean, generated from the authors' copies, alike in set-up; and the tools that do it."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import conftest
import nbformat
import nbval.plugin
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import exercises
from course_utils import notebooks as nb
from course_utils.notebooks.__main__ import main
from course_utils.places import course_folder

ROOT = course_folder()
AUTHORED = nb.authored()
STUDENT = sorted((ROOT / "notebooks").glob("*.ipynb"))
EVERY = [*AUTHORED, *STUDENT]
each = pytest.mark.parametrize("path", EVERY, ids=[str(path.relative_to(ROOT / "notebooks")) for path in EVERY])


def code_cells(path: Path) -> list:
    return [cell for cell in nb.read(path).cells if cell.cell_type == "code"]


# ---------------------------------------------------------------- every chapter


def test_chapters_are_there() -> None:
    names = [path.name for path in STUDENT]
    assert names == [path.name for path in AUTHORED]
    assert {"00_start_here.ipynb", "04_saliency_occlusion.ipynb", "09_fgsm.ipynb"} <= set(names)


@each
def test_every_code_cell_was_executed(path: Path) -> None:
    # nbval compares nothing in a cell that was never executed, so it would pass.
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run: make execute"
    faults = [out for cell in code_cells(path) for out in cell.outputs if out.output_type == "error"]
    assert not faults


@each
def test_notebook_is_normal(path: Path) -> None:
    stored = nb.read(path)
    nbformat.validate(stored)
    assert nb.normalise(nb.read(path)) == stored, "run: make execute"


@pytest.mark.parametrize("path", AUTHORED, ids=lambda path: path.stem)
def test_student_notebook_is_the_generated_one(path: Path) -> None:
    assert nb.drift(path) is None, nb.drift(path)


@each
def test_setup_cell_is_the_common_one(path: Path) -> None:
    cells = code_cells(path)
    assert cells[0].source == nb.SETUP_CELL
    assert {"setup", "nbval-ignore-output"} <= set(cells[0].metadata.tags)
    assert sum("google.colab" in cell.source for cell in cells) == 1
    assert len([line for line in nb.SETUP_CELL.splitlines() if not line.startswith("#")]) == 5


@each
def test_every_cell_has_a_slide_type(path: Path) -> None:
    kinds = {"slide", "subslide", "fragment", "notes", "skip"}
    for cell in nb.read(path).cells:
        assert cell.metadata.get("slideshow", {}).get("slide_type") in kinds, cell.source


@each
def test_code_cells_are_short(path: Path) -> None:
    assert statistics.median(len(cell.source.splitlines()) for cell in code_cells(path)) <= 10


@each
def test_only_setup_cells_and_few_others_ignore_their_output(path: Path) -> None:
    ignoring = [cell for cell in code_cells(path) if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert len(ignoring) <= 1 + len(code_cells(path)) // 5
    assert not any("NBVAL_" in cell.source for cell in code_cells(path)), "use tags"


@each
def test_notebook_links_to_itself_in_colab(path: Path) -> None:
    text = "\n".join(cell.source for cell in nb.read(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/main/(\S+?\.ipynb)", text)
    assert (nb.SLUG, f"notebooks/{path.name}") in links
    assert {slug for slug, _ in links} == {nb.SLUG}
    for _, target in links:
        assert (ROOT / target).exists(), target


@each
def test_links_inside_the_course_lead_somewhere(path: Path) -> None:
    for cell in nb.read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\((?!https?:|#|attachment:|mailto:)([^)#\s]+)", cell.source):
                assert (path.parent / target).exists(), target


# ---------------------------------------------------------------- generating


SOLVED = '''def double(x):
    """Twice x."""
    if True:
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION

double = check("double", double)'''


# A package that starts at once, for the set-up cell, which takes the one that it finds.
FAKE = "answer = print\ndef claim(text, holds): print(text)\ndef setup(): print('Ready')\n"


def book(*cells):
    return nb.normalise(new_notebook(cells=list(cells)))


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty course: a folder for chapters, and what makes it one."""
    for folder in ("notebooks/solutions", "data/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    return tmp_path


def test_stub_keeps_all_but_the_solution() -> None:
    out = nb.student(book(new_markdown_cell("# T"), new_code_cell(SOLVED, execution_count=1, metadata={"tags": ["a"]})))
    text, task, solution = out.cells
    assert text.source == "# T"
    assert task.source == SOLVED[: SOLVED.index("        ###")] + (
        '        raise NotImplementedError  # your code here\n\ndouble = check("double", double)'
    )
    assert task.metadata.tags == ["a"] and task.execution_count is None
    assert solution.cell_type == "markdown" and solution.id == f"{task.id}-solution"
    assert solution.source == (
        "<details><summary>Solution</summary>\n\n```python\n"
        'def double(x):\n    """Twice x."""\n    if True:\n        return 2 * x\n```\n\n</details>'
    )


def test_generating_twice_gives_the_same() -> None:
    one = book(new_code_cell(SOLVED))
    assert nb.student(one) == nb.student(one) and "BEGIN SOLUTION" in one.cells[0].source


def test_drift_is_found(course: Path) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    solved = book(new_code_cell(SOLVED, id="a"), new_markdown_cell("words", id="b"))
    nb.write(solved, path)
    assert nb.drift(path) == "notebooks/01_x.ipynb is missing"
    nb.generate(path)
    assert nb.drift(path) is None and exercises.main(["--check"]) == 0
    solved.cells[0].source = SOLVED.replace("2 * x", "x + x")
    nb.write(solved, path)
    assert "01_x.ipynb: cell 2 (a-solution) differs in its source" in nb.drift(path)
    assert exercises.main(["--check"]) == 1 and exercises.main(["01_x"]) == 0 and nb.drift(path) is None
    del solved.cells[1]
    nb.write(solved, path)
    assert nb.drift(path) == "01_x.ipynb: 2 cells are generated, 3 committed"


def test_outputs_stay_where_only_words_changed() -> None:
    old = book(new_markdown_cell("old"), new_code_cell("1", execution_count=1, outputs=[new_output("stream", text="1\n")]))
    new = book(new_markdown_cell("new"), new_code_cell("1"))
    assert nb.carry_outputs(new, old) and new.cells[1].outputs == old.cells[1].outputs
    assert not nb.carry_outputs(book(new_code_cell("2")), old)


def test_normalising_removes_what_changes_from_run_to_run() -> None:
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1a"}, "text/plain": "W()"}
    cell = new_code_cell("w", execution_count=7, metadata={"execution": {"iopub.status.busy": "now"}, "tags": ["t"]})
    cell.outputs = [
        new_output("stream", name="stderr", text="50 %"),
        new_output("execute_result", data=widget, execution_count=7),
    ]
    raw = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}})
    clean = nb.normalise(raw)
    assert clean.metadata == {"kernelspec": nb.KERNEL, "language_info": nb.LANGUAGE}
    (cell,) = clean.cells
    assert cell.metadata == {"tags": ["t"]} and cell.execution_count == 1
    assert [output.data for output in cell.outputs] == [{"text/plain": "W()"}]
    assert cell.outputs[0].execution_count == 1


FIGURE = """\
from matplotlib.figure import Figure
from IPython.core.pylabtools import select_figure_formats
select_figure_formats(get_ipython(), {"retina"})
def drawn():
    ### BEGIN SOLUTION
    return Figure()
    ### END SOLUTION"""


def test_executing_a_chapter_writes_both_notebooks(course: Path) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    show = "figure = Figure(figsize=(2, 1))\nfigure.subplots().plot([0, 1])\nfigure"
    nb.write(book(new_code_cell(FIGURE), new_code_cell(show), new_code_cell("print(1)")), path)
    nb.refresh(path)
    for written in (path, nb.student_path(path)):
        cells = code_cells(written)
        assert [cell.execution_count for cell in cells] == [1, 2, 3]
        assert cells[1].outputs[0].data["text/plain"] == "<Figure size 200x100 with 1 Axes>"
        assert ("image/png" in cells[1].outputs[0].data) is (written != path), "the authors' copy holds no picture"
        assert cells[2].outputs[0].text == "1\n"
        assert nb.normalise(nb.read(written)) == nb.read(written)
    assert "NotImplementedError" in code_cells(nb.student_path(path))[0].source
    before = path.read_bytes(), nb.student_path(path).read_bytes()
    nb.refresh(path)
    assert (path.read_bytes(), nb.student_path(path).read_bytes()) == before, "a second run changes nothing"


def test_a_set_up_cell_edited_by_hand_goes_back_to_the_common_one(course: Path) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    (course / "course_utils").mkdir()
    (course / "course_utils" / "__init__.py").write_text(FAKE)
    setup = new_code_cell("edited by hand", metadata={"tags": ["setup", "nbval-ignore-output"]})
    nb.write(book(setup, new_code_cell("claim('one', True)")), path)
    nb.refresh(path)
    for written in (path, nb.student_path(path)):
        cells = code_cells(written)
        assert cells[0].source == nb.SETUP_CELL and cells[0].outputs[0].text == "Ready\n"
        assert cells[1].outputs[0].text == "one\n"


def test_a_broken_chapter_is_named_before_it_is_run(course: Path, capsys: pytest.CaptureFixture) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    nb.write(book(new_code_cell("1 / 0"), new_code_cell(SOLVED.replace("### END", "##END"))), path)
    assert main(["01_x"]) == 1
    said = capsys.readouterr().err
    assert re.match(r"01_x, cell 2 \(id \w+\): line 6 looks like the mark of a solution and is none: '        ##END SOLUTION'", said)
    assert not nb.student_path(path).exists()


# ---------------------------------------------------------------- merge conflicts


HEAD, MIDDLE, TAIL = "<<<<<<< HEAD\n", "=======\n", ">>>>>>> theirs\n"


def in_conflict(path: Path) -> None:
    """Write a notebook as git leaves it when two people changed a cell."""
    nb.write(book(new_code_cell("'mine'")), path)
    mine = next(line for line in path.read_text().splitlines(keepends=True) if "'mine'" in line)
    path.write_text(path.read_text().replace(mine, HEAD + mine + MIDDLE + mine.replace("mine", "yours") + TAIL))


def test_a_notebook_in_conflict_says_what_to_do(course: Path, capsys: pytest.CaptureFixture) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    in_conflict(path)
    with pytest.raises(ValueError, match=r"solutions/01_x.ipynb has the marks of a merge conflict: line \d+ of the file") as error:
        nb.read(path)
    assert "git checkout --ours" in str(error.value) and "make execute NAME=01_x" in str(error.value)
    assert main(["01_x"]) == 1 and "merge conflict" in capsys.readouterr().err
    nb.write(book(new_code_cell("1")), nb.student_path(path))
    assert exercises.main(["--check"]) == 1 and "merge conflict" in capsys.readouterr().err


def test_a_copy_in_conflict_is_replaced(course: Path) -> None:
    path = course / "notebooks" / "solutions" / "01_x.ipynb"
    nb.write(book(new_code_cell("1")), path)
    in_conflict(nb.student_path(path))
    assert "merge conflict" in nb.drift(path)
    nb.generate(path)
    assert nb.drift(path) is None


@pytest.mark.parametrize(
    "cell",
    [
        new_code_cell("x = 1\n" + HEAD + "x = 2\n" + MIDDLE + "x = 3\n" + TAIL),
        new_code_cell("x = 1\n=======\nx = 2"),
        new_markdown_cell(HEAD + "words\n" + MIDDLE + "other words\n" + TAIL),
        new_markdown_cell("words\n>>>>>>> 1a2b3c (their change)"),
    ],
)
def test_marks_of_a_conflict_inside_a_cell_are_named(cell, tmp_path: Path) -> None:
    nb.write(book(new_code_cell("1"), cell), tmp_path / "x.ipynb")
    with pytest.raises(ValueError, match=r"merge conflict: cell 2 \(id .+\), line [12] is '[<>=]{7}"):
        nb.read(tmp_path / "x.ipynb")


def test_lines_that_are_no_conflict_are_read(tmp_path: Path) -> None:
    cells = [
        new_markdown_cell("A heading\n=======\nwords"),
        new_code_cell("print('<<<<<<< HEAD')\nx = 1 << 2  # ======="),
        new_code_cell("'========'", outputs=[new_output("stream", text=HEAD + MIDDLE)]),
    ]
    nb.write(book(*cells), tmp_path / "x.ipynb")
    assert len(nb.read(tmp_path / "x.ipynb").cells) == 3


def test_half_a_notebook_is_named(tmp_path: Path) -> None:
    nb.write(book(new_code_cell("1")), tmp_path / "x.ipynb")
    (tmp_path / "x.ipynb").write_text((tmp_path / "x.ipynb").read_text()[:50])
    with pytest.raises(ValueError, match="x.ipynb is no notebook"):
        nb.read(tmp_path / "x.ipynb")


def test_unknown_chapter_lists_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown chapter '09_fgms'. Nearest: 09_fgsm"):
        nb.authored(["09_fgms"])


# ---------------------------------------------------------------- the repository's address, and Colab


def test_slug_is_rewritten_everywhere(tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    module = tmp_path / "course_utils" / "notebooks" / "address.py"
    module.parent.mkdir(parents=True)
    module.write_text((ROOT / "course_utils" / "notebooks" / "address.py").read_text())
    output = new_output("stream", text="https://github.com/someone/else /content\n")
    path = tmp_path / "notebooks" / "01_x.ipynb"
    nb.write(book(new_markdown_cell(nb.colab_link("01_x")), new_code_cell(nb.SETUP_CELL, outputs=[output])), path)
    (tmp_path / "README.md").write_text(f"{nb.colab_link('01_x')}\n\n    git clone https://github.com/{nb.SLUG}\n")
    assert len(nb.set_slug("me/my.course", tmp_path)) == 3
    text = path.read_text() + (tmp_path / "README.md").read_text()
    assert text.count("me/my.course") == 4 and nb.SLUG not in text and "someone/else" in text
    assert 'SLUG = "me/my.course"' in module.read_text() and module.read_text().count("me/my.course") == 1
    assert nb.set_slug("me/my.course", tmp_path) == []
    compile(module.read_text(), "address.py", "exec")


def test_slug_must_be_an_address() -> None:
    with pytest.raises(ValueError, match="OWNER/REPO is expected"):
        nb.set_slug("https://github.com/me/it")


FAILED = "Fetching failed: check the network and the address above (a fork must be public), then run this cell again."


def set_up(tmp_path: Path, remote: Path) -> str:
    """The set-up cell with a local folder in place of GitHub and tmp_path in place of /content."""
    return nb.SETUP_CELL.replace(f"https://github.com/{nb.SLUG}", f"file://{remote}").replace("/content", str(tmp_path / "content"))


def run_setup_cell(tmp_path: Path, remote: Path, *, colab: bool) -> subprocess.CompletedProcess:
    """Run the set-up cell in a bare folder, as in Colab or not."""
    cell = set_up(tmp_path, remote)
    fake = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n" if colab else ""
    (tmp_path / "content").mkdir(exist_ok=True)
    alone = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COURSE_DATA")}
    return subprocess.run(
        [sys.executable, "-"], input=fake + cell, text=True, capture_output=True, cwd=tmp_path / "content", env=alone
    )


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository that holds the course's package."""
    folder = tmp_path / "remote"
    (folder / "course_utils").mkdir(parents=True)
    (folder / "course_utils" / "__init__.py").write_text(FAKE)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    return folder


def test_setup_cell_fetches_the_course_in_colab(tmp_path: Path, remote: Path) -> None:
    for _ in range(2):  # the second run finds what the first one fetched
        ran = run_setup_cell(tmp_path, remote, colab=True)
        assert ran.returncode == 0 and ran.stdout == "Ready\n", ran.stderr


def test_setup_cell_says_when_fetching_fails(tmp_path: Path) -> None:
    ran = run_setup_cell(tmp_path, tmp_path / "nowhere", colab=True)
    assert ran.returncode != 0 and ran.stdout == "" and "nowhere" in ran.stderr, "git's own words stand above"
    assert ran.stderr.splitlines()[-1] == FAILED and "Traceback" not in ran.stderr


def test_a_failed_fetch_stops_run_all_with_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a notebook shows it: no traceback, and no later cell runs into an import that cannot work."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    fake = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
    stopped = book(new_code_cell(fake), new_code_cell(set_up(tmp_path, tmp_path / "nowhere")), new_code_cell("print('went on')"))
    client = NotebookClient(stopped, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    with pytest.raises(CellExecutionError, match=re.escape(FAILED)):
        client.execute()
    _, cell, later = stopped.cells
    fault = next(output for output in cell.outputs if output.output_type == "error")
    assert fault.evalue == FAILED and len(fault.traceback) <= 2 and "File " not in "".join(fault.traceback)
    assert later.execution_count is None and later.outputs == []


def test_fetching_again_after_a_failure_works(tmp_path: Path, remote: Path) -> None:
    run_setup_cell(tmp_path, tmp_path / "nowhere", colab=True)
    assert run_setup_cell(tmp_path, remote, colab=True).stdout == "Ready\n"


def test_setup_cell_fetches_nothing_elsewhere(tmp_path: Path, remote: Path) -> None:
    ran = run_setup_cell(tmp_path, remote, colab=False)
    assert "No module named 'course_utils'" in ran.stderr and not (tmp_path / "content" / "course").exists()


# ---------------------------------------------------------------- nbval as it is set up here


@pytest.mark.parametrize(
    "a, b, same",
    [
        ("accuracy 0.912", "accuracy 0.915", True),
        ("0.68 of 0.80", "0.67 of 0.81", True),
        ("0.68", "0.66", False),
        ("accuracy 0.912", "accuracy 0.93", False),
        ("123.4 ms", "124.1 ms", True),
        ("12 of 100", "13 of 100", False),
        ("12", "12.0", True),
        ("accuracy 0.91", "Accuracy 0.91", False),
        ("a  0.5\nb", "a 0.5 b", True),
        ("-0.5", "0.5", False),
        ("1e-3", "2e-3", True),
        ("1.0e3", "2.0e3", False),
        ("nan", "0.5", False),
        ("```python\neps = 0.007\n```", "```python\neps = 0.008\n```", False),
    ],
)
def test_outputs_are_compared_with_tolerance(a: str, b: str, same: bool) -> None:
    assert conftest.same_output(a, b) is same and conftest.same_output(b, a) is same
    assert (conftest.Output(a) == conftest.Output(b)) is same


@pytest.mark.parametrize("seconds, megabytes, words", [(61, 100, "61 s; at most 60 s"), (5, 4000, "4000 MB; at most 3072 MB")])
def test_bars_fail_a_notebook(seconds: float, megabytes: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "_used", {})
    monkeypatch.setattr(conftest, "SECONDS", 60.0)
    with pytest.raises(pytest.fail.Exception, match=words):
        conftest.check_bars("x.ipynb", seconds, megabytes)


def test_a_notebook_is_judged_by_its_work_where_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "_used", used := {})
    monkeypatch.setattr(conftest, "SECONDS", 60.0)
    conftest.check_bars("x.ipynb", 300.0, 100, 59.0)
    assert used["x.ipynb"] == " 300.0 s,  59.0 s of work,   100 MB"
    with pytest.raises(pytest.fail.Exception, match="took 61 s; at most 60 s"):
        conftest.check_bars("x.ipynb", 300.0, 100, 61.0)


def test_work_is_counted_and_waiting_is_not() -> None:
    program = "import time; time.sleep(0.5); t = time.process_time()\nwhile time.process_time() - t < 0.3: pass\nprint(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        seconds = conftest.worked_seconds(process.pid)
        process.communicate(b"\n")
    assert seconds is None or 0.25 < seconds < 0.48
    assert conftest.worked_seconds(None) is None


def test_bars_pass_a_notebook_without_a_memory_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "_used", {})
    conftest.check_bars("x.ipynb", 1.0, None)


def run_pytest(folder: Path, *arguments: str) -> str:
    """What pytest says about the notebooks in a folder, as it is set up for the course."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "conftest", "-p", "no:cacheprovider", "-q"]
    alone = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "COURSE_CALL_SECONDS", "PYTEST_XDIST_WORKER")}
    alone |= {"PYTHONPATH": str(ROOT), "COURSE_NOTEBOOK_SECONDS": "0.001"}
    return subprocess.run([*command, *arguments, str(folder)], cwd=folder, text=True, capture_output=True, env=alone).stdout


def stored(source: str, text: str | None, **metadata):
    outputs = [] if text is None else [new_output("stream", text=text)]
    return new_code_cell(source, execution_count=1, outputs=outputs, metadata=metadata)


def test_nbval_fails_what_has_drifted_and_reports_what_each_notebook_took(tmp_path: Path) -> None:
    """A small notebook with good and bad cells and another one, run side by side as `make test` runs the chapters."""
    plot = "import sys; sys.stderr.write('noise'); 5;"
    cells = [
        stored("print('near 0.501')", "near 0.5\n"),
        stored(plot, None),
        stored("print('now')", "then\n", tags=["nbval-ignore-output"]),
        stored("print('rate 0.70')", "rate 0.50\n"),
        stored("print('new words')", "old words\n"),
        stored("assert False, 'the claim'", None),
        stored("print(object())", "<object object at 0x7f0000000000>\n"),
    ]
    other = [stored("import os; print(os.environ['OMP_NUM_THREADS'])", "1\n"), stored("print('new words')", "old words of a\n")]
    nb.write(nb.normalise(new_notebook(cells=cells)), tmp_path / "x.ipynb")
    nb.write(nb.normalise(new_notebook(cells=other)), tmp_path / "a.ipynb")
    said = run_pytest(tmp_path, "-n", "2", "--dist", "loadfile")
    failed = set(re.findall(r"^FAILED \S*?(\w\.ipynb::Cell \d+)", said, re.M))
    assert failed == {"x.ipynb::Cell 3", "x.ipynb::Cell 4", "x.ipynb::Cell 5", "a.ipynb::Cell 1"}, said
    assert "4 failed, 5 passed, 2 errors" in said and said.count("at most 0 s are allowed") >= 2 and "old words of a" in said
    assert len(re.findall(r"^ +[\d.]+ s, +([\d.]+ s of work, +)?\d+ MB  \S*[ax]\.ipynb$", said, re.M)) == 2, "each worker hands in what it measured"


def test_tests_side_by_side_take_one_thread_each_and_more_time(tmp_path: Path) -> None:
    """torch reads the number of threads once, when it is first imported: a plugin may not bring it before the number is set."""
    (tmp_path / "test_one.py").write_text(
        "import torch\nfrom course_utils.checking import guard\n\n"
        "def test_one():\n    assert (torch.get_num_threads(), guard.SECONDS) == (1, 60)\n"
    )
    assert "1 passed" in run_pytest(tmp_path, "-n", "1")


def test_pytest_names_a_notebook_in_conflict(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    in_conflict(tmp_path / "x.ipynb")
    file = nbval.plugin.IPyNbFile.from_parent(request.session, path=tmp_path / "x.ipynb")
    with pytest.raises(file.CollectError, match="x.ipynb has the marks of a merge conflict(.|\n)*make execute"):
        file.collect()

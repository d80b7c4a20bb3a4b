"""A real browser: JupyterLab opens a student's copy of a chapter, runs all its cells, a slider is dragged and a menu used,
the picture changes; JupyterLab saves by itself, and git sees nothing of it. `make test-all` does so with every chapter that
has a panel, `make test` with one.

Needs Chromium and its driver (`apt-get install chromium chromium-driver`); skipped where they are missing.
Screenshots go to the folder that COURSE_SCREENSHOTS names.
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chapter_rules import assigned

from course_utils.handout import fingerprint
from course_utils.lab import command, copies, free_port
from course_utils.places import course_folder

ROOT = course_folder()
PANEL, MENU = "explore.Panel(", "explore.menu("
ALL = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if PANEL in path.read_text(encoding="utf-8")]
CHAPTERS = ALL if os.environ.get("COURSE_TESTS") == "all" else ["09_fgsm"]
AUTOSAVE = 3  # seconds between JupyterLab's own savings, 120 by default
PATIENCE = 300  # seconds for a chapter to run; a loaded machine is slow
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="browser test left out: no Chromium with chromedriver here (apt-get install chromium chromium-driver)"
)

# The pictures of all Image widgets, each as a digest of its bytes (their addresses change with every update).
PICTURES = """
const done = arguments[arguments.length - 1];
const digest = async (img) => {
  const bytes = await (await fetch(img.src)).arrayBuffer();
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-1", bytes))).join();
};
Promise.all(Array.from(document.querySelectorAll("img.widget-image, img.jupyter-widgets")).map(digest))
  .then(done, (error) => done(["failed: " + error]));
"""
# The sizes of all pictures in outputs: pixels that the file has, pixels that it takes on the page.
SIZES = """
return Array.from(document.querySelectorAll(".jp-OutputArea-output img, img.widget-image, img.jupyter-widgets"))
  .filter((img) => img.clientWidth > 0).map((img) => [img.naturalWidth, img.clientWidth]);
"""
# In JupyterLab's own words: is the kernel idle, and is every code cell executed? Which cells failed?
STATE = """
const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
const session = panel && panel.sessionContext && panel.sessionContext.session;
if (!session || !session.kernel || !panel.content || !panel.content.model) return null;
const cells = Array.from(panel.content.model.cells).filter((cell) => cell.type === "code");
return {
  kernel: session.kernel.status,
  dirty: panel.content.model.dirty,
  waiting: cells.filter((cell) => cell.executionCount === null).length,
  code: cells.length,
  errors: cells.flatMap((cell) => Array.from({length: cell.outputs.length}, (_, i) => cell.outputs.get(i))
    .filter((out) => out.type === "error").map((out) => out.toJSON()).map((out) => out.ename + ": " + out.evalue)),
};
"""


def wait(condition: Callable, what: str, seconds: float):
    """Poll until `condition()` is true; give its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.5)
    return value


def used(code: ast.AST) -> set[str]:
    """All names in a piece of code."""
    return {node.id for node in ast.walk(code) if isinstance(node, ast.Name)}


def shortened(path: Path) -> str:
    """A chapter's file with its title and the code that its last panel needs; nbval runs all of it."""
    book = json.loads(path.read_text(encoding="utf-8"))
    kept: list[dict] = []
    wanted: set[str] = set()
    for cell in reversed([cell for cell in book["cells"] if cell["cell_type"] == "code"]):
        source = "".join(cell["source"])
        code = ast.parse(source)
        if (not kept and PANEL in source) or wanted & set(assigned(code)) or "setup" in cell["metadata"].get("tags", []):
            kept.append(cell)
            wanted |= used(code)
        elif kept and any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in code.body):
            kept.append(cell)
    return json.dumps({**book, "cells": [book["cells"][0], *reversed(kept)]})


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    return subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the course as it lies here, its chapters shortened, with the student's copies that `make lab` hands out."""
    folder = tmp_path_factory.mktemp("clone") / "course"
    git(ROOT, "clone", "-q", str(ROOT), str(folder))
    for name in git(ROOT, "ls-files", "--modified", "--others", "--exclude-standard", "-z").split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name) if (ROOT / name).exists() else (folder / name).unlink()
    for name in CHAPTERS:
        path = folder / "notebooks" / f"{name}.ipynb"
        path.write_text(shortened(path), encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "--no-verify", "-m", "as it lies here, shortened")
    copies(folder)
    return folder


@pytest.fixture(scope="module")
def server(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab as `make lab` starts it, on the clone; gives its address with `{}` for the chapter."""
    root = tmp_path_factory.mktemp("lab")
    choices = {
        "notebook-extension/tracker": {"windowingMode": "none"},  # all cells in the page, also those out of sight
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "docmanager-extension/plugin": {"autosaveInterval": AUTOSAVE},
    }
    for name, choice in choices.items():
        path = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(choice))
    port, token = free_port(8900 + os.getpid() % 500), secrets.token_hex(8)
    own = {
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "COURSE_DEVICE": "cpu",
        "COURSE_DATA": "drawn",
    }
    arguments = [*command(course, port, token, browser=False), "--LabApp.expose_app_in_browser=True"]
    with open(root / "log", "w") as log:
        process = subprocess.Popen(arguments, cwd=course, env={**os.environ, **own}, stdout=log, stderr=log)

    def answers() -> bool:
        assert process.poll() is None, (root / "log").read_text()[-2000:]
        try:
            return urllib.request.urlopen(f"http://localhost:{port}/api/status?token={token}", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait(answers, "JupyterLab's server", 120)
        yield f"http://localhost:{port}/doc/tree/work/{{}}.ipynb?reset&token={token}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A headless Chromium, one for all chapters: it keeps JupyterLab's large scripts."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


class Page:
    """A chapter's page in JupyterLab."""

    def __init__(self, browser, name: str, shots: Path) -> None:
        self.browser, self.name, self.shots = browser, name, shots
        shots.mkdir(parents=True, exist_ok=True)

    def shot(self, label: str) -> None:
        self.browser.save_screenshot(str(self.shots / f"{self.name}-{label}.png"))

    def state(self) -> dict:
        return self.browser.execute_script(STATE) or {}

    def pictures(self) -> list[str]:
        return self.browser.execute_async_script(PICTURES)

    def find(self, selector: str) -> list:
        return self.browser.find_elements("css selector", selector)

    def order(self, command: str) -> None:
        """Give JupyterLab a command; an error is an answer in words."""
        assert self.browser.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "window.jupyterapp.commands.execute(arguments[0]).then(() => done(''), (error) => done(String(error)))", command
        ) == ""  # fmt: skip

    def moves(self, move: Callable, label: str) -> None:
        """Moving something changes the panel's picture."""
        before = wait(self.pictures, "the panel's picture", 60)
        assert not before[0].startswith("failed")
        move()
        wait(lambda: self.pictures() != before, f"a changed picture after the {label}", 60)
        wait(lambda: self.state()["kernel"] == "idle", f"the kernel after the {label}", 60)
        self.shot(label)

    def drag(self) -> None:
        """Drag the first slider's handle by a part of its track, to the side that has room."""
        from selenium.webdriver import ActionChains

        handle, track = self.find(".widget-slider .noUi-handle")[0], self.find(".widget-slider .noUi-target")[0]
        readout = self.find(".widget-slider .widget-readout")[0]  # the handle's own number is rounded to one decimal
        value, middle = readout.text, track.rect["x"] + track.rect["width"] / 2
        way = track.rect["width"] / 4 * (1 if handle.rect["x"] < middle else -1)
        ActionChains(self.browser, duration=50).click_and_hold(handle).move_by_offset(int(way), 0).release().perform()
        wait(lambda: readout.text != value, "another number beside the slider", 10)

    def choose(self) -> None:
        """Choose another entry of the first menu."""
        from selenium.webdriver.support.select import Select

        menu = Select(self.find(".widget-dropdown select")[0])
        chosen = menu.first_selected_option.text
        menu.select_by_visible_text(next(option.text for option in menu.options if option.text != chosen))


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_run_moved_and_saved(name: str, course: Path, server: str, browser, tmp_path: Path) -> None:
    page = Page(browser, name, Path(os.environ.get("COURSE_SCREENSHOTS") or tmp_path))
    copy = course / "work" / f"{name}.ipynb"
    handed = copy.read_bytes()
    assert handed == (course / "notebooks" / copy.name).read_bytes()

    browser.get(server.format(name))
    wait(lambda: page.state().get("kernel") == "idle", "the kernel", 120)
    # The stored outputs are taken away first, so that what is seen later was computed here.
    page.order("notebook:clear-all-cell-outputs")
    wait(lambda: page.state()["waiting"] == page.state()["code"] > 0, "cleared outputs", 30)
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells'); return null")
    wait(lambda: (now := page.state())["errors"] or (now["kernel"] == "idle" and now["waiting"] == 0), f"all cells of {name}", PATIENCE)
    page.shot("ran")
    assert page.state()["errors"] == []

    wait(lambda: page.find(".widget-slider .noUi-handle"), "a slider", 60)
    sizes = browser.execute_script(SIZES)
    assert sizes
    # Never blurred: each pixel of a picture that fits into the page is half a point, of a wider one less.
    assert all(held >= 2 * shown - 1 for held, shown in sizes), sizes
    assert any(held <= 2 * shown + 1 for held, shown in sizes), sizes
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", page.find(".widget-slider .noUi-handle")[0])
    page.shot("panel")
    page.moves(page.drag, "slider")
    if MENU in handed.decode():
        page.moves(page.choose, "menu")

    def saved() -> bool:
        """JupyterLab has saved by itself: outputs, and what it adds to the notebook some time after it is opened."""
        book = json.loads(copy.read_bytes() or b"{}")
        return "codemirror_mode" in book.get("metadata", {}).get("language_info", {}) and not page.state()["dirty"]

    wait(saved, "JupyterLab's own saving", 60)
    assert copy.read_bytes() != handed
    assert fingerprint(copy.read_bytes()) == fingerprint(handed), "nothing of it counts as the student's work"
    assert git(course, "status", "--porcelain") == ""
    assert "!! work/" in git(course, "status", "--porcelain", "--ignored").splitlines()

    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    page.order("kernelmenu:shutdown")  # its memory and its threads are for the next chapter

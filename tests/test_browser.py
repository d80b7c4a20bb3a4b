"""A real browser: JupyterLab opens a chapter, runs all its cells, a slider is moved, and the picture changes.

Needs Chromium and its driver (`apt-get install chromium chromium-driver`); skipped where they are missing.
Screenshots go to the folder that COURSE_SCREENSHOTS names.
"""

from __future__ import annotations

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

from course_utils.lab import command, free_port
from course_utils.places import course_folder

ROOT = course_folder()
CHAPTERS = {"04_saliency_occlusion": "## 3 ", "09_fgsm": None}  # the section before which a chapter is cut; None: all of it
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
  waiting: cells.filter((cell) => cell.executionCount === null).length,
  code: cells.length,
  errors: cells.flatMap((cell) => cell.outputs.toJSON().filter((out) => out.output_type === "error").map((out) => out.ename + ": " + out.evalue)),
};
"""


def wait(condition: Callable, what: str, seconds: float):
    """Poll until `condition()` is true; give its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.25)
    return value


def beginning(path: Path, end: str | None) -> str:
    """A chapter's file up to the section whose heading begins with `end`: nbval runs the rest, the browser needs the panel."""
    book = json.loads(path.read_text(encoding="utf-8"))
    headings = [i for i, cell in enumerate(book["cells"]) if end and end in "\n" + "".join(cell["source"])]
    assert not end or headings, f"{path.name} has no section {end!r}"
    book["cells"] = book["cells"][: headings[0] if headings else None]
    return json.dumps(book)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab, on copies of the chapters (it saves what it runs); gives its address with `{}` for the notebook."""
    root = tmp_path_factory.mktemp("lab")
    (root / "notebooks").mkdir()
    for name, end in CHAPTERS.items():
        (root / "notebooks" / f"{name}.ipynb").write_text(beginning(ROOT / "notebooks" / f"{name}.ipynb", end), encoding="utf-8")
    for name in ("course_utils", "data"):
        (root / name).symlink_to(ROOT / name)
    settings = root / "settings" / "@jupyterlab"
    (settings / "notebook-extension").mkdir(parents=True)
    (settings / "apputils-extension").mkdir()
    # All cells in the page, also those out of sight; and no question about news.
    (settings / "notebook-extension" / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port, token = free_port(8900), secrets.token_hex(8)
    own = {
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "COURSE_DEVICE": "cpu",
        "COURSE_DATA": "drawn",
    }
    arguments = [*command(root, port, token, browser=False), "--LabApp.expose_app_in_browser=True"]
    with open(root / "log", "w") as log:
        process = subprocess.Popen(arguments, cwd=root, env={**os.environ, **own}, stdout=log, stderr=log)

    def answers() -> bool:
        assert process.poll() is None, (root / "log").read_text()[-2000:]
        try:
            return urllib.request.urlopen(f"http://localhost:{port}/api/status?token={token}", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait(answers, "JupyterLab's server", 120)
        yield f"http://localhost:{port}/doc/tree/notebooks/{{}}.ipynb?reset&token={token}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def browser() -> Iterator:
    """A headless Chromium."""
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


@pytest.mark.parametrize("name", CHAPTERS)
def test_slider_moves_the_picture(name: str, server: str, browser, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    shots = Path(os.environ.get("COURSE_SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)

    def shot(label: str) -> None:
        browser.save_screenshot(str(shots / f"{name}-{label}.png"))

    def state() -> dict:
        return browser.execute_script(STATE) or {}

    def pictures() -> list[str]:
        return browser.execute_async_script(PICTURES)

    browser.get(server.format(name))
    wait(lambda: state().get("kernel") == "idle", "the kernel", 120)
    # The stored outputs are taken away first, so that what is seen later was computed here.
    browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs').then(() => done(), (e) => done(String(e)))"
    )
    wait(lambda: state()["waiting"] == state()["code"] > 0, "cleared outputs", 30)
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells'); return null")
    wait(lambda: (now := state())["errors"] or (now["kernel"] == "idle" and now["waiting"] == 0), f"all cells of {name}", PATIENCE)
    shot("ran")
    assert state()["errors"] == []

    handle = wait(lambda: browser.find_elements(By.CSS_SELECTOR, ".widget-slider .noUi-handle"), "a slider", 60)[0]
    before = wait(pictures, "the panel's picture", 60)
    assert not before[0].startswith("failed")
    sizes = browser.execute_script(SIZES)
    assert len(sizes) >= 3
    # Never blurred: each pixel of a picture that fits into the page is half a point, of a wider one less.
    assert all(held >= 2 * shown - 1 for held, shown in sizes), sizes
    assert any(held <= 2 * shown + 1 for held, shown in sizes), sizes
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    shot("slider-before")
    readout = browser.find_elements(By.CSS_SELECTOR, ".widget-slider .widget-readout")[0]  # the handle's own number is rounded to one decimal
    value = readout.text
    handle.click()
    handle.send_keys(Keys.ARROW_RIGHT)
    if readout.text == value:  # it stood at its right end
        handle.send_keys(Keys.ARROW_LEFT)
    assert readout.text != value
    wait(lambda: pictures() != before, "a changed picture", 60)
    wait(lambda: state()["kernel"] == "idle", "the kernel after the slider", 60)
    shot("slider-after")

    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []

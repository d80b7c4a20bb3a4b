"""Look at a chapter as a reader does: `python -m course_utils.screens 09_fgsm` writes what a browser shows as PNGs.

JupyterLab opens a copy of the chapter in headless Chromium (`apt-get install chromium chromium-driver`), and of the page
goes one PNG a screen, and one a figure at the size at which it is shown, into a folder. For authors; nothing is changed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .lab import command, free_port
from .places import course_folder

PATIENCE = 600  # seconds for a chapter to run
PAGE = ".jp-Notebook .jp-WindowedPanel-outer"  # what scrolls
FIGURES = ".jp-OutputArea-output img, img.widget-image, img.jupyter-widgets"
# The kernel's state, and how many code cells wait to be run.
STATE = """
const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
const session = panel && panel.sessionContext && panel.sessionContext.session;
if (!session || !session.kernel || !panel.content || !panel.content.model) return null;
const code = Array.from(panel.content.model.cells).filter((cell) => cell.type === "code");
return {kernel: session.kernel.status, waiting: code.filter((cell) => cell.executionCount === null).length};
"""


def until(condition: Callable, what: str, seconds: float):
    """Poll until `condition()` gives something true; give that."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.25)
    return value


@contextmanager
def server(chapter: Path, page: str) -> Iterator[str]:
    """JupyterLab on a copy of a chapter (it saves what it runs); gives the address. page: "doc" or "lab" (with the file list)."""
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        root = Path(folder)
        (root / "notebooks").mkdir()
        shutil.copy(chapter, root / "notebooks")
        for name in ("course_utils", "data"):
            (root / name).symlink_to(course_folder() / name)
        settings = {
            "notebook-extension/tracker": '{"windowingMode": "none"}',  # all cells in the page, also those out of sight
            "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
        }
        for name, text in settings.items():
            path = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        own = {name: str(root / name) for name in ("settings", "workspaces", "runtime")}
        environment = os.environ | {
            "JUPYTERLAB_SETTINGS_DIR": own["settings"], "JUPYTERLAB_WORKSPACES_DIR": own["workspaces"], "JUPYTER_RUNTIME_DIR": own["runtime"],
        }  # fmt: skip
        port, token = free_port(8900), secrets.token_hex(8)
        address = f"http://localhost:{port}/{page}/tree/notebooks/{chapter.name}?reset&token={token}"
        arguments = [*command(root, port, token, browser=False), "--LabApp.expose_app_in_browser=True"]
        with open(root / "log", "w") as log:
            process = subprocess.Popen(arguments, cwd=root, env=environment, stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or answers(f"http://localhost:{port}/api/status?token={token}"), "JupyterLab", 120)
            if process.poll() is not None:
                raise OSError("JupyterLab did not start: " + (root / "log").read_text()[-500:])
            yield address
        finally:
            process.terminate()
            process.wait(30)


def answers(address: str) -> bool:
    """Whether a page is there."""
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:  # not yet
        return False


@contextmanager
def browser(width: int, height: int) -> Iterator:
    """A headless Chromium whose page takes width x height."""
    from selenium import webdriver

    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
    if not (binary and shutil.which("chromedriver")):
        raise OSError("no Chromium with chromedriver here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


def opened(driver, address: str, run: bool) -> None:
    """Open a chapter and wait until its kernel is idle and, where wanted, all its cells have run."""
    driver.get(address)
    state = lambda: driver.execute_script(STATE) or {}  # noqa: E731
    until(lambda: state().get("kernel") == "idle", "the kernel", 120)
    if run:
        driver.execute_script("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); return null")
        until(lambda: state()["waiting"], "cleared outputs", 30)
        driver.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells'); return null")
        until(lambda: state()["kernel"] == "idle" and not state()["waiting"], "all cells", PATIENCE)
    time.sleep(2)  # formulas and pictures find their places


def screens(driver, out: Path) -> list[Path]:
    """One PNG a screen from the top of the page down, then one a figure as it is shown."""
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    page = driver.find_element("css selector", PAGE)
    tall, step = driver.execute_script("return [arguments[0].scrollHeight, arguments[0].clientHeight]", page)
    for number, top in enumerate(range(0, tall, step), 1):
        driver.execute_script("arguments[0].scrollTop = arguments[1]", page, top)
        time.sleep(0.3)
        written.append(out / f"screen-{number:03d}.png")
        driver.save_screenshot(str(written[-1]))
    figures = [figure for figure in driver.find_elements("css selector", FIGURES) if figure.size["width"]]
    for number, figure in enumerate(figures, 1):
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", figure)
        written.append(out / f"figure-{number:03d}.png")
        figure.screenshot(str(written[-1]))
    return written


def main(arguments: list[str] | None = None) -> int:
    """Write the screens and figures of one chapter."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.screens", description=__doc__.split("\n")[0])
    parser.add_argument("name", help="a chapter, as 09_fgsm, or the path of a notebook")
    parser.add_argument("--size", default="1280x720", help="the page's size")
    parser.add_argument("--out", type=Path, help="the folder for the PNGs; screens/NAME when not given")
    parser.add_argument("--run", action="store_true", help="run all cells first, so that widgets live; else the stored outputs are shown")
    parser.add_argument("--files", action="store_true", help="with JupyterLab's list of files at the left")
    options = parser.parse_args(arguments)
    chapter = Path(options.name) if options.name.endswith(".ipynb") else course_folder() / "notebooks" / f"{options.name}.ipynb"
    if not chapter.exists():
        parser.error(f"there is no {chapter}")
    width, height = map(int, options.size.split("x"))
    out = options.out or Path("screens") / chapter.stem
    with server(chapter.resolve(), "lab" if options.files else "doc") as address, browser(width, height) as driver:
        opened(driver, address, options.run)
        written = screens(driver, out)
    print(f"{len(written)} pictures in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Open the course in JupyterLab and say where: `python -m course_utils.lab`, which is what `make lab` runs."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from pathlib import Path

from .handout import WORK, hand_out
from .places import course_folder

FIRST = f"{WORK}/00_start_here.ipynb"  # the student's copy: JupyterLab writes into what it opens, and git must not see that


def free_port(first: int = 8888) -> int:
    """The first free port from `first` on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError(f"no free port between {first} and {first + 99}; stop a Jupyter server that you no longer need.")


def command(root: Path, port: int, token: str, *, page: str = f"/lab/tree/{FIRST}", browser: bool = True) -> list[str]:
    """The command that serves the folder `root` in JupyterLab, without questions about news and updates.

    `root` is the course's folder, so that data, code and the authors' solutions can be opened, too, and links such as
    `../data/...` lead somewhere. JupyterLab shows the folder of the page that it opens, so students find `work/` first.
    """
    return [
        sys.executable, "-m", "jupyterlab",
        f"--ServerApp.root_dir={root}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}", f"--LabApp.default_url={page}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--Application.log_level=WARN",
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]  # fmt: skip


def no_questions() -> None:
    """Keep JupyterLab from asking, at the first start, whether it may fetch news."""
    path = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if path.exists() or sys.prefix == sys.base_prefix:  # only in an environment of our own
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def copies(root: Path) -> None:
    """Hand the chapters out into `work/`, and say so; an error of the disk ends the command in words."""
    try:
        said = hand_out(root / "notebooks", root / WORK)
    except OSError as error:
        sys.exit(f"The copies of the chapters could not be written to {root / WORK}: {error}.")
    print(f"Your copies of the chapters are in {WORK}/. Git ignores that folder, and what you change there stays.", *said, sep="\n")


def main() -> None:
    """Hand out the copies and start JupyterLab on the first chapter; a machine without a browser gets the address alone."""
    root = course_folder()
    copies(root)
    no_questions()
    port, token = free_port(), secrets.token_hex(16)
    print(f"The course is at  http://localhost:{port}/lab/tree/{FIRST}?token={token}")
    print("Stop it with Ctrl-C.", flush=True)
    os.chdir(root)
    arguments = command(root, port, token)
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()

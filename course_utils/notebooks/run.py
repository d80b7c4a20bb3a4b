"""Executing a chapter, and removing from it what changes from run to run."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from nbclient import NotebookClient

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
KEPT = ("slideshow", "tags", "jupyter", "editable", "deletable")  # cell metadata that means something; the rest is noise
WIDGET = "application/vnd.jupyter.widget-view+json"
# Stored outputs are computed on the CPU, on drawn pictures, with one thread: alike on every machine.
SETTING = {
    "COURSE_DEVICE": "cpu", "COURSE_DATA": "drawn", "COURSE_PROGRESS": "0", "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
}  # fmt: skip


def normalise(book):
    """Remove all that changes from run to run: timings, widget state, versions, stderr; number the cells 1 .. n."""
    book.metadata = type(book.metadata)({"kernelspec": KERNEL, "language_info": LANGUAGE})
    book.nbformat, book.nbformat_minor = 4, 5
    count, ids = 0, set()
    for cell in book.cells:
        cell.metadata = type(cell.metadata)({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
        if not cell.get("id") or cell.id in ids:
            cell.id = new_id(cell.source, ids)
        ids.add(cell.id)
        if cell.cell_type != "code":
            if not cell.get("attachments"):
                cell.pop("attachments", None)
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
            output.get("data", {}).pop(WIDGET, None)
    return book


def new_id(source: str, taken: set[str]) -> str:
    """A cell id made from the cell's text, so that the same chapter gets the same ids everywhere."""
    salt = 0
    while (name := hashlib.sha1(f"{source}|{salt}".encode()).hexdigest()[:8]) in taken:
        salt += 1
    return name


def execute(book, folder: Path):
    """Run all cells in a fresh kernel, in `folder`, and normalise."""
    client = NotebookClient(
        book,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **SETTING})
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                print(f"    on stderr, left out: {output.text.strip()[:500]}", file=sys.stderr)
    return normalise(book)

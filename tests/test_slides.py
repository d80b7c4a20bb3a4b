"""Chapters as slides: a slide for each cell, folded code left out, libraries from the network or from a folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.notebooks import slides as made


@pytest.fixture(autouse=True)
def from_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIDES_LIBRARIES", raising=False)


def shown_as(kind: str, **more) -> dict:
    return {"slideshow": {"slide_type": kind}, **more}


def book():
    figure = [new_output("stream", text="what it prints\n")]
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", metadata=shown_as("slide")),
            new_code_cell("set_up()", metadata=shown_as("skip")),
            new_markdown_cell("words", metadata=shown_as("fragment")),
            new_code_cell("shown_code", outputs=figure, metadata=shown_as("fragment")),
            new_code_cell("folded_code", outputs=figure, metadata=shown_as("fragment", jupyter={"source_hidden": True})),
            new_markdown_cell("say this", metadata=shown_as("notes")),
            new_markdown_cell("## Next", metadata=shown_as("subslide")),
        ]
    )


def parts(page: str) -> list[str]:
    """The text of each slide; a stack of slides is a section around sections."""
    body = page[page.index('<div class="slides">') :]
    return [re.sub(r"<[^>]+>", "", part) for part in re.split(r"<section[^>]*>", body) if "jp-Cell" in part]


def test_each_shown_cell_is_a_slide() -> None:
    before = book()
    page = made.slides(before, "x")
    words = parts(page)
    assert len(words) == 5 and 'class="fragment"' not in page
    assert all(word in text for word, text in zip(("Title", "words", "shown_code", "what it prints", "Next"), words))
    assert "set_up" not in page and "folded_code" not in page
    assert re.search(r'<aside class="notes">(?:(?!</aside>).)*say this', page, re.S)
    assert [cell.metadata for cell in before.cells] == [cell.metadata for cell in book().cells], "the notebook itself stays"


def test_a_cell_without_a_type_is_shown() -> None:
    assert any("bare" in text for text in parts(made.slides(new_notebook(cells=[new_markdown_cell("bare")]), "x")))


def test_the_page_fits_slides_to_its_own_size() -> None:
    page = made.slides(book(), "x")
    assert re.search(r"width: 1280,\s+height: 720", page), "the size that the script measures against"
    script = page[page.rindex("<script>") :]
    assert "scrollHeight > 720" in script and "size > 0.7" in script and f'require(["{made.REVEAL}/dist/reveal.js"]' in script


def test_without_a_folder_the_libraries_come_from_the_network() -> None:
    page = made.slides(book(), "x")
    assert page.count(f'"{made.REVEAL}/dist/') >= 3


def test_with_a_folder_they_come_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in made.LOCAL.values():
        (tmp_path / path.split("/")[0]).mkdir()
    monkeypatch.setenv("SLIDES_LIBRARIES", str(tmp_path))
    page = made.slides(book(), "x")
    loaded = [address for address in re.findall(r"""<(?:script|link)[^>]+(?:src|href)="([^"]+)""", page)]
    assert len(loaded) >= 5 and all(address.startswith(f"file://{tmp_path}/") for address in loaded), loaded
    assert "unpkg.com" not in page


def test_a_folder_without_them_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reveal.js").mkdir()
    monkeypatch.setenv("SLIDES_LIBRARIES", str(tmp_path))
    with pytest.raises(ValueError, match="holds no requirejs, jquery, mathjax; there: npm install reveal.js@4"):
        made.slides(book(), "x")


def test_the_command_writes_the_chapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    from course_utils import notebooks as nb

    for folder in ("notebooks/solutions", "data/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    for folder in ("notebooks", "notebooks/solutions"):
        nb.write(nb.normalise(book()), tmp_path / folder / "01_x.ipynb")
    assert made.main(["01_x"]) == 0 and "build/slides/01_x.slides.html" in capsys.readouterr().out
    assert "shown_code" in (tmp_path / "build" / "slides" / "01_x.slides.html").read_text()
    assert made.main(["02_y"]) == 1 and "unknown chapter '02_y'" in capsys.readouterr().err

"""Chapters as slides for a browser: `make slides NAME=09_fgsm` writes `build/slides/09_fgsm.slides.html`.

nbconvert's slides hold a cell and all fragments after it, and what is higher than the screen is cut off. Here each cell
is a slide of its own, folded code is left out, and what is still too high is made smaller, down to SMALLEST; if that is
not enough, the slide scrolls.
"""

from __future__ import annotations

import os
import sys
from copy import deepcopy
from pathlib import Path

from nbconvert import SlidesExporter

from ..places import course_folder
from .files import authored, read, shown, student_path

WIDTH, HEIGHT = 1280, 720
SMALLEST = 0.7
# What the page loads when it is opened: from the network, or from the folder `node_modules` that SLIDES_LIBRARIES names.
REVEAL = "https://unpkg.com/reveal.js@4.6.1"
LOCAL = {
    "reveal_url_prefix": "reveal.js", "require_js_url": "requirejs/require.js", "jquery_url": "jquery/dist/jquery.min.js",
    "mathjax_url": "mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe",
}  # fmt: skip
FIT = """
<style>
.reveal .slides section { text-align: left; }
.reveal .slides :is(h1, h2, h3) { text-transform: none; }
.reveal .slides section.scrolls { height: HEIGHTpx; overflow-y: auto; }
</style>
<script>
require(["PREFIX/dist/reveal.js"], (Reveal) => {
  const fit = () => {
    const slide = Reveal.getCurrentSlide();
    if (!slide) return;
    slide.classList.remove("scrolls");
    let size = 1;
    const tooHigh = () => {
      for (const cell of slide.querySelectorAll(":scope > .jp-Cell")) cell.style.zoom = size;
      return slide.scrollHeight > HEIGHT;
    };
    while (tooHigh() && size > SMALLEST) size = Math.max(SMALLEST, size - 0.05);
    slide.classList.toggle("scrolls", slide.scrollHeight > HEIGHT);
    Reveal.layout();
  };
  // Formulas change the height when they are drawn: once more after that.
  const later = () => { fit(); if (window.MathJax && MathJax.Hub) MathJax.Hub.Queue(fit); };
  Reveal.on("slidechanged", later);
  Reveal.isReady() ? later() : Reveal.on("ready", later);
});
</script>
"""


def one_slide_a_cell(book):
    """A copy of the notebook in which each shown cell begins a slide, and folded code is left out."""
    out = deepcopy(book)
    for cell in out.cells:
        kind = cell.metadata.setdefault("slideshow", {}).get("slide_type", "-")
        cell.metadata["slideshow"]["slide_type"] = kind if kind in ("slide", "notes", "skip") else "subslide"
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["transient"] = {"remove_source": True}
    return out


def addresses() -> dict[str, str]:
    """Where the page finds the libraries: as options of nbconvert's exporter."""
    folder = os.environ.get("SLIDES_LIBRARIES")
    if not folder:
        return {"reveal_url_prefix": REVEAL}
    missing = [name for path in LOCAL.values() if not (Path(folder) / (name := path.split("/")[0])).is_dir()]
    if missing:
        raise ValueError(f"{folder} holds no {', '.join(missing)}; there: npm install reveal.js@4 requirejs jquery mathjax@2")
    return {option: f"{Path(folder).resolve().as_uri()}/{path}" for option, path in LOCAL.items()}


def slides(book, name: str) -> str:
    """The page with a chapter's slides."""
    links = addresses()
    exporter = SlidesExporter(reveal_width=str(WIDTH), reveal_height=str(HEIGHT), reveal_number="c/t", reveal_theme="white", **links)
    page, _ = exporter.from_notebook_node(one_slide_a_cell(book), {"metadata": {"name": name}})
    words = {"PREFIX": links["reveal_url_prefix"], "HEIGHT": str(HEIGHT), "SMALLEST": str(SMALLEST)}
    script = FIT
    for word, value in words.items():
        script = script.replace(word, value)
    return page.replace("</html>", script + "</html>")


def main(names: list[str]) -> int:
    """Write the slides of the student's chapters, all or those named."""
    folder = course_folder() / "build" / "slides"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for path in map(student_path, authored(names)):
            target = folder / f"{path.stem}.slides.html"
            target.write_text(slides(read(path), path.stem), encoding="utf-8")
            print(f"{shown(target)}: open it in a browser; S shows the notes for the instructor")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

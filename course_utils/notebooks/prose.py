"""Which sentences about a network's behaviour does no claim follow? `make prose`, or

    python -m course_utils.notebooks.prose [09_fgsm ...] [--all]

A sentence is verified when a `claim(...)` or an `answer(...)` stands in a cell behind it, before the next heading. What is
verified elsewhere says so, in words, "(section 4)", "chapter 13", or in a comment right behind the sentence, which readers do
not see; at the beginning of a paragraph it speaks for the whole paragraph:

    <!-- claim: above -->    <!-- claim: section 4 -->    <!-- claim: chapter 13 -->    <!-- no claim: why it needs none -->

With --all the sentences that a claim follows are listed too, each with these claims: whether they say as much as it does
only a reader can judge.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from .files import authored, read
from .sections import Piece, Section, sections

# A sentence is about behaviour when it speaks of one of these ...
SUBJECT = re.compile(
    r"\b(networks?|nets?|(linear |course's )?models?|classifiers?|twin|LeNet|\w+Net|maps?|saliency|SmoothGrad|gradients?|attributions?|detectors?|"
    r"filters?|units?|neurons?|layers?|attacks?|attacker|FGSM|FGV|PGD|noise|steps?|defen[cs]es?|occlusion|accuracy|scores?|loss|margins?|"
    r"probabilit(y|ies)|confidence|pixels?|square|patch(es)?|stickers?|direction|depth|maxout|derivatives?|budget|outputs?|activations?)\b",
    re.I,
)
# ... and is no definition (a term in bold), nor says what was published, nor tells the reader or the course what to do, nor names
# a question ("How often noise fools it.").
PUBLISHED = re.compile(r"\b(19|20)\d\d\b|\bet al\.|\bpapers?\b|\b(Goodfellow|Szegedy|Simonyan|Zeiler|Kurakin|Madry|Carlini|Papernot)\b")
ORDERS = (
    "add ask call change choose click compare compute count cover do drag draw find follow give go how ignore keep leave let look make measure move notice "
    "note open pick print put read remember replace return run say see set show slide start step sum switch take think try turn use walk watch what whether write"
).split()
WE = re.compile(r"^(So |Now |Then |Here |Next |Again |First )*(we|you|let us|your)\b", re.I)
ELSEWHERE = re.compile(r"\bsections? (?P<section>\d+)|\bchapters? (?P<chapter>\d\d)\b", re.I)
GOES_ON = re.compile(r"^\W*(It|They|Its|Their|Both|Neither|The (same|others?)|(\w+ )?ones?)\b")  # speaks of what the sentence before spoke of
COMMENT = re.compile(r"<!--\s*(?P<text>.*?)\s*-->", re.S)
MARK = re.compile(r"claim: (?:(?P<above>above)|section (?P<section>\d+)|chapter (?P<chapter>\d\d))|no claim: (?P<reason>\S.*)", re.S)
TASK = re.compile(r"Exercise \d+|Open task|Further reading", re.I)  # headings of what tells the reader what to do
COMMON = {"that", "this", "they", "them", "with", "than", "from", "more", "most", "have", "does", "were", "each", "when", "then", "netw", "pict", "what", "into"}
KEEP = str.maketrans({".": "\0", "?": "\1", "!": "\2"})  # full stops that end no sentence
BACK = str.maketrans({"\0": ".", "\1": "?", "\2": "!"})


class Sentence(NamedTuple):
    """A sentence about behaviour; the claims and answers behind it; where it is verified instead; what is wrong with its mark."""

    place: str
    text: str
    claims: tuple[str, ...]
    elsewhere: str
    fault: str

    @property
    def verified(self) -> bool:
        return not self.fault and bool(self.claims or self.elsewhere)

    @property
    def doubtful(self) -> bool:
        """Whether claims follow that have no word in common with it, and it names no other place."""
        return self.verified and not self.elsewhere and not any(stems(claim) & stems(self.text) for claim in self.claims)


def calls(source: str, names: tuple[str, ...]) -> list[ast.Call]:
    """The calls of these functions in a code cell, in order."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in names]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def stems(text: str) -> set[str]:
    """The beginnings of the words of a text that carry meaning."""
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())} - COMMON


def facts(piece: Piece) -> list[str]:
    """What the claims and answers of a code cell say."""
    return [ast.unparse(call.args[0]).strip("'\"") for call in calls(piece.text, ("claim", "answer")) if call.args]


def paragraphs(text: str) -> Iterator[str]:
    """The running text of a piece of Markdown, a paragraph or list item at a time: no headings, tables, formulas, code, folds' titles."""
    text = re.sub(r"^```.*?^```", "\n\n", text, flags=re.S | re.M)
    text = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.S)
    text = re.sub(r"<summary>.*?</summary>|</?details>", "\n\n", text, flags=re.S)
    text = re.sub(r"^(#|\||\[\^?\w).*$", "", text, flags=re.M)
    text = re.sub(r"^\s*([-*+]|\d+\.) +", "\n\n", text, flags=re.M)
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.strip():
            yield " ".join(paragraph.split())


def split(paragraph: str) -> list[tuple[str, str]]:
    """A paragraph's sentences, each with the text of the comment right behind it (or of the one that begins the paragraph)."""
    if alone := COMMENT.fullmatch(paragraph):
        return [("", alone["text"])]
    first = COMMENT.match(paragraph)
    whole = first["text"] if first else ""
    text = paragraph[first.end() :].strip() if first else paragraph
    text = re.sub(r"\$[^$]*\$|`[^`]*`|<!--.*?-->", lambda found: found[0].translate(KEEP), text)
    text = re.sub(r"\b(e\.g|i\.e|et al|cf|vs|[A-Z])\.(?= )|\d\.(?=\d)", lambda found: found[0].translate(KEEP), text)
    parts = re.split(r"(?<=[.!?])(?:\*\*?|\)|\")?\s+(?!<.--)|(?<=-->)\s+", text)
    out = []
    for part in (part.translate(BACK) for part in parts):
        comments = [found["text"] for found in COMMENT.finditer(part)]
        out.append((COMMENT.sub("", part).strip(), comments[-1] if comments else whole))
    return out


def about_behaviour(sentence: str, goes_on: bool = False) -> bool:
    """Whether a sentence states how a network, an attack or a map behaves, as far as its words (and the sentence before) tell."""
    plain = re.sub(r"\$[^$]*\$|`[^`]*`", "x", sentence)
    first = re.match(r"[\W_]*(\w+)", plain)
    return (
        len(plain.split()) > 4
        and bool(SUBJECT.search(plain) or (goes_on and GOES_ON.match(plain)))
        and not plain.rstrip("*_) ").endswith(("?", ":"))
        and "Predict" not in plain
        and "**" not in plain
        and not PUBLISHED.search(plain)
        and not (first and first[1].lower() in ORDERS)
        and not WE.match(plain)
    )


def where(sentence: str, comment: str, section: Section, before: bool, claimed: set[str]) -> tuple[str, str]:
    """Where a sentence is verified if not here, and what is wrong with its mark: ("section 4", "") or ("", "there is no ...")."""
    mark = MARK.fullmatch(comment) if comment else ELSEWHERE.search(sentence)
    if mark is None:
        return "", f"<!-- {comment} --> is no mark of this tool" if comment else ""
    found = mark.groupdict()
    if found.get("reason"):
        return f"none needed: {found['reason']}", ""
    if found.get("above"):
        return ("above", "") if before else ("", f"no claim stands above it in section {section.title!r}")
    if number := found.get("section"):
        return (f"section {number}", "") if number in claimed else ("", f"section {number} of this chapter has no claim")
    return f"chapter {found['chapter']}", ""


def sentences(book: NotebookNode) -> Iterator[Sentence]:
    """The sentences about behaviour in a chapter, from its first `## ` heading to its recap."""
    chapter = sections(book)
    claimed = {section.number for section in chapter if any(facts(piece) for piece in section.code)}
    for section in filter(lambda section: section.title, chapter):
        task = above = False  # whether the text is a task's statement; whether a claim stands above it
        for index, piece in enumerate(section.pieces):
            if piece.is_code:
                above |= bool(facts(piece))
                task &= not calls(piece.text, ("check", "attempt"))
                continue
            if piece.heading[0]:
                task = bool(TASK.match(piece.heading[1]))
            if task or piece.is_note:
                continue
            following = tuple(behind(section.pieces[index + 1 :]))
            for paragraph in paragraphs(answers(piece.text) if section.title == "Recap" else piece.text):
                behaviour = False
                for text, comment in split(paragraph):
                    behaviour = about_behaviour(text, goes_on=behaviour)
                    elsewhere, fault = where(text, comment, section, above, claimed)
                    if behaviour or fault:
                        yield Sentence(piece.place, text, following, elsewhere, fault)


def answers(text: str) -> str:
    """The folded part of a quiz; its questions state nothing."""
    return "".join(text.partition("<details>")[1:])


def behind(pieces: list[Piece]) -> Iterator[str]:
    """The claims and answers in the cells from here to the next heading."""
    for piece in pieces:
        if piece.heading[0]:
            return
        if piece.is_code:
            yield from facts(piece)


def report(book: NotebookNode, everything: bool = False) -> list[str]:
    """The lines that `make prose` prints of one chapter."""
    lines = []
    for one in sentences(book):
        if not one.verified:
            lines.append(f"  {one.place}: {one.text}" + (f"\n      ({one.fault})" if one.fault else ""))
        elif everything or one.doubtful:
            proof = [f"      {one.elsewhere}"] if one.elsewhere else [f"      ✓ {claim}" for claim in one.claims]
            hint = ["      (what follows has no word in common with it)"] if one.doubtful else []
            lines.append("\n".join([f"  {one.place}: {one.text}", *hint, *proof]))
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.notebooks.prose", description="List the sentences about a network's behaviour that no claim follows."
    )
    parser.add_argument("names", nargs="*", help="chapters, as 09_fgsm; all when none is given")
    parser.add_argument("--all", action="store_true", help="list the others, too, with the claims that follow them")
    options = parser.parse_args(arguments)
    try:
        for path in authored(options.names):
            book = read(path)
            found = list(sentences(book))
            bare, doubtful = sum(not one.verified for one in found), sum(one.doubtful for one in found)
            print(f"{path.stem}: {len(found)} sentences about behaviour; {bare} not verified, {doubtful} followed by claims of other words")
            print(*report(book, options.all), sep="\n")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

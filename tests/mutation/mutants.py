"""All mutants of one right answer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from . import expressions, inplace, statements, wholes
from .tree import Context, Definition, canonical, changed, replaced, sites

OPERATORS = (*expressions.OPERATORS, *inplace.OPERATORS, *statements.OPERATORS, wholes.results)


@dataclass(frozen=True)
class Mutant:
    """A right answer with one change: its kind, the line before and after, and the answer's definitions."""

    kind: str
    before: str
    after: str
    parts: tuple[Definition, ...]

    @property
    def text(self) -> str:
        return f"{self.kind}: {self.before} -> {self.after}"


def of_definition(definition: Definition, context: Context) -> Iterator[tuple[str, Definition, str, str]]:
    """Kind, changed definition, line before, line after: for every operator at every place of one definition."""
    for site in sites(definition):
        for operator in OPERATORS:
            for kind, new in operator(site, context):
                yield kind, *replaced(definition, site, new)
    yield from statements.undecorated(definition)
    if isinstance(definition, ast.FunctionDef):
        for kind, text in wholes.openings(context):
            opened = changed(definition, body=[*ast.parse(text).body, *definition.body])
            yield kind, opened, f"def {definition.name}", text


def mutants(parts: tuple[Definition, ...], context: Context, seen: set[str] | None = None) -> Iterator[Mutant]:
    """All different mutants of an answer, its own definition last in `parts`, helpers before it.

    `seen` holds the canonical form of what need not be tried (again); the caller may share it among the answers of an exercise.
    """
    seen = set() if seen is None else seen
    seen.add(canonical(parts))
    texts: dict[str, int] = {}
    for at in reversed(range(len(parts))):
        known = context if at == len(parts) - 1 else Context(modules=context.modules, text=context.text)
        for kind, new, before, after in of_definition(parts[at], known):
            whole = (*parts[:at], new, *parts[at + 1 :])
            form = canonical(whole)
            if form in seen:
                continue
            seen.add(form)
            try:
                compile(ast.fix_missing_locations(ast.Module([new], [])), "<mutant>", "exec")
            except (SyntaxError, ValueError, TypeError):  # such a place takes no such thing
                continue
            mutant = Mutant(kind, before, after, whole)
            count = texts[mutant.text] = texts.get(mutant.text, 0) + 1
            yield mutant if count == 1 else Mutant(kind, f"{before} ({count})", after, whole)

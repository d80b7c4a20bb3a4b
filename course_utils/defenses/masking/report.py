"""The checklist of Athalye 2018 as a program: does this network resist attacks, or does it only hide its gradient from them?"""

from __future__ import annotations

import html
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ... import runtime
from ...runtime import Labels, check_batch, check_count
from .asking import Asked, takes
from .contests import Shares, beside_noise, contests, freed
from .findings import LIMITS, Check, of_contests, of_lead, of_looks
from .looks import Numbers, foretold, jumps, present, refusal, same_twice, sizes

MOST, FEWEST, IN_CONTESTS = 200, 24, 64  # pictures
HEADER = ("question", "measured", "sign")
USUAL = 3 * 32 * 32  # numbers in a picture; of larger ones fewer are taken


class MaskingReport(NamedTuple):
    """masked: whether the network hides its gradient. findings: plain sentences, one for each sign of that; or that there is none, or that it was refuted.

    checks: every line of the list. numbers: of the direct looks. shares: what each attack fools in each budget (grey levels), empty if none was tried.
    right: how many pictures the network had right, and was asked about.
    """

    masked: bool
    findings: list[str]
    checks: list[Check]
    numbers: Numbers
    shares: dict[str, Shares]
    right: int

    def rows(self) -> list[list[str]]:
        """Every line of the list: the question, what was measured, and whether it speaks of a hidden gradient."""
        return [[c.question, c.measured, "hides" if c.finding else "–"] for c in self.checks]

    def verdict(self) -> str:
        """The last line of the table."""
        return f"{self.right} pictures. {'The gradient is hidden.' if self.masked else 'No sign of a hidden gradient.'}"

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...] | list[str], tag: str) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{html.escape(c)}</{tag}>' for c in cells) + "</tr>"

        body = "".join(line(row, "td") for row in self.rows())
        return f"<table>{line(HEADER, 'th')}{body}</table><p>{html.escape(self.verdict())}</p>"

    def __repr__(self) -> str:
        lines = [HEADER, *self.rows()]
        widths = [max(len(row[k]) for row in lines) for k in range(len(HEADER))]
        return "\n".join(["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in lines] + [self.verdict()])


def gradient_masking_report(
    model: nn.Module, x: Tensor, y: Tensor, *, attack: bool | None = True, most: int | None = None, steps: int = 10, queries: int = 100,
    generator: torch.Generator | None = None,
) -> MaskingReport:  # fmt: skip
    """Does the network hide its gradient from attacks (Athalye 2018)?

    Direct looks: is there a gradient, finite and not 0; is it the same twice; does a small step do what it says? And contests: do many steps
    beat one, and a random search; does another loss find as much; is every picture fooled without a bound; does a larger budget help?
    The budgets are the network's own: those in which its gradients fool some, but not most. Scores that lie close together are scaled for the contests.
    Some looks give only a suspicion, such as a step that does not do what the gradient says: it falls where steps along the gradient fool many that
    noise does not, and no contest speaks against them.

    x: pictures `[N, C, H, W]` in [0, 1], y: their classes `[N]`. Those that the network gets wrong are left out, and of the rest the first
    `most` are used (None: 200, of large pictures fewer; for contests 64). A network that can refuse has an attribute `refuses`, the number of that answer; a refused picture has not fooled it.
    attack: False for the direct looks alone, which need about 20 passes; None: contests only where these do not settle it. steps, queries: of the contests.
    """
    check_count(steps, "steps", least=2), check_count(queries, "queries")
    most = enough(x) if most is None else check_count(most, "most")
    labels, source = border(model, x, y), generator or runtime.generator()
    if y is None:
        raise ValueError("y is None; the classes of the pictures are needed: the network's own answers would always be right.")
    with runtime.frozen(model), torch.backends.cudnn.flags(allow_tf32=False):
        asked = Asked(model)
        scores = asked.scores(x)
        if scores.shape[1] < 2:
            raise ValueError(f"the network gives scores {list(scores.shape)}; of at least two classes are expected: where there is one, nothing can be fooled.")
        right = (scores.argmax(1) == labels(scores)).nonzero().flatten()[:most]
        if not len(right):
            raise ValueError(f"the network gets none of the {len(x)} pictures right, so that nothing is left to be fooled; are y the classes of x, in the network's order?")
        x, y = runtime.detached(x)[right], y[right]
        numbers = looks(asked, x, y, source)
        checks, shares, told = of_looks(numbers, asked.trouble), {}, ""
        settled = any(c.finding and not c.open for c in checks)
        if attack or (attack is None and not settled):
            few = x[:IN_CONTESTS], y[:IN_CONTESTS]
            loss = freed(asked, *few, together=numbers["company"] > LIMITS["company"])
            shares = contests(asked, *few, source, steps=steps, queries=queries, loss=loss)
            found = of_contests(shares, steps, len(few[0]))
            suspected = [c for c in checks if c.finding and not settled]
            if suspected and not any(c.finding for c in found):
                succeeds, told = of_lead(beside_noise(asked, *few, source, shares["many steps"], steps=steps, loss=loss), suspected)
                checks = [c._replace(finding="") if told else c for c in checks] + [succeeds]
            checks += found
    findings = [c.finding for c in checks if c.finding]
    return MaskingReport(bool(findings), findings or [told or "No sign of a hidden gradient was found."], checks, numbers, shares, len(x))


def border(model: nn.Module, x: Tensor, y: Tensor) -> Labels:
    """The checks of every attack; but a network may bring its pictures into a precision of its own."""
    weight = runtime.model_tensor(runtime.check_model(model))
    other = isinstance(x, Tensor) and x.is_floating_point() and weight is not None and weight.dtype != x.dtype
    return check_batch(x, y, nn.Identity() if other and takes(model, x) else model)


def enough(x: Tensor) -> int:
    """How many pictures of this size are asked about: 200, of large ones fewer."""
    runtime.check_pictures(x)
    return max(FEWEST, min(MOST, MOST * USUAL // x[0].numel()))


def looks(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> Numbers:
    """All direct looks; the rest of them are spared where there is no gradient to look at."""
    numbers = same_twice(asked, x)
    asked.slope(x[:1], y[:1])
    if asked.trouble:
        return numbers
    numbers |= present(asked, x, y, source) | refusal(asked, x, y)
    if x.dtype.itemsize < 4:  # half precision is a staircase itself: it rounds small steps away
        return numbers
    return numbers | foretold(asked, x, y, source) | jumps(asked, x, source) | sizes(asked, x, y, source)

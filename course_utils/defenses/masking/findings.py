"""From numbers to words: each check of the list, what was measured, and what it means if the number is on the wrong side.

The thresholds stand in the middle of gaps measured by `benchmarks/masking.py` on networks that hide their gradients and on networks that do not.
"""

from __future__ import annotations

from typing import NamedTuple

from .contests import TOP, Shares
from .looks import CLEAR, Numbers

LIMITS = {  # above these a number speaks of a hidden gradient (sizes: below)
    "broken": 0.05, "zero": 0.05, "zero_margin": 0.05, "calls": 0.003, "place": 0.003, "company": 0.003, "two_gradients": 0.05, "refusal": 0.5, "blind": 0.5, "unseen": 0.5,
    "foretold": 0.18, "jumps": 0.18, "chaos": 0.8, "needed": 3.0, "sizes": 0.53, "search": 0.2, "margin": 0.28, "one step": 0.2, "unbounded": 0.1, "curve": 0.2,
}  # fmt: skip
LEAD = 0.25  # by so much steps along a gradient must beat noise to be of use


class Check(NamedTuple):
    """A line of the list: the question, what was measured, and the finding in a sentence ("" where nothing is wrong).

    open: the finding is a suspicion; it falls if attacks along the gradient succeed all the same.
    """

    question: str
    measured: str
    finding: str
    open: bool = False


def percent(value: float) -> str:
    """In whole percents; less than half a percent with one decimal, so that it is not called none."""
    return f"{100 * value:.1f} %" if 0.0005 <= value < 0.005 else f"{100 * value:.0f} %"


def check(question: str, measured: str, hidden: bool, sentence: str, open: bool = False) -> Check:
    return Check(question, measured, sentence if hidden else "", open)


def of_looks(n: Numbers, trouble: str) -> list[Check]:
    """What the direct looks found. trouble: why there is no gradient, or ""."""
    there = check("Is there a gradient?", trouble or "yes", bool(trouble), f"There is no gradient: {trouble}.")
    if trouble:
        return [there, *of_answers(n)]
    zero = max(n["zero"], n["zero_margin"])
    settled = "foretold" not in n or zero > LIMITS["zero"] or n["broken"] > LIMITS["broken"] or n["calls"] > LIMITS["calls"]
    return [there, *of_presence(n, zero), *of_answers(n), *of_refusal(n), *([] if settled else of_steps(n))]


def of_presence(n: Numbers, zero: float) -> list[Check]:
    """Whether there is something in the gradients. zero: the share of pictures in which there is not."""
    which = "cross-entropy" if n["zero"] >= n["zero_margin"] else "margin between the logits"
    return [
        check("Is it finite?", f"not for {percent(n['broken'])}", n["broken"] > LIMITS["broken"], f"For {percent(n['broken'])} of the pictures a score or a gradient is infinite or not a number."),
        check(
            "Is it other than 0?", f"exactly 0 for {percent(zero)}", zero > LIMITS["zero"],
            f"For {percent(zero)} of the pictures the gradient of the {which} is exactly 0 in every pixel: no step is better than any other.",
        ),
        check(
            "In most pixels?", f"exactly 0 in {percent(n['blind'])} of them", n["blind"] > LIMITS["blind"] and zero <= LIMITS["zero"],
            f"Near the pictures the gradient is exactly 0 in {percent(n['blind'])} of the pixels: steps along it leave them as they are.", open=n["unseen"] <= LIMITS["unseen"],
        ),
    ]  # fmt: skip


def of_answers(n: Numbers) -> list[Check]:
    """Whether the network says the same twice, and gives the same gradient."""
    chance, moves = n["calls"] > LIMITS["calls"], n["place"] > LIMITS["place"]
    other = max(n["place"], n["company"])
    on_what = "its place in the batch" if moves else "the pictures beside it"
    checks = [
        check(
            "Does the network answer alike twice?", f"scores differ by {percent(n['calls'])} of their spread", chance,
            f"Two calls with the same pictures give different scores (by {percent(n['calls'])} of their spread; {percent(n['answers'])} of the answers change): a gradient is that of one draw.",
        ),
        check(
            "Whatever else is asked?", f"scores differ by {percent(other)} of their spread", (moves or n["company"] > LIMITS["company"]) and not chance,
            f"A picture's scores depend on {on_what} (they differ by {percent(other)} of their spread).", open=not moves,
        ),
    ]  # fmt: skip
    if "two_gradients" in n:
        differ = n["two_gradients"] < 1 - LIMITS["two_gradients"] and not chance
        checks.append(check("Are two gradients the same?", f"cosine {n['two_gradients']:.2f}", differ, f"Two gradients at the same pictures point in different directions (cosine {n['two_gradients']:.2f})."))
    return checks


def of_refusal(n: Numbers) -> list[Check]:
    """Whether gradients show what makes a network refuse; nothing for one that never does."""
    if "refusal" not in n:
        return []
    words = f"For {percent(n['refusal'])} of the pictures no gradient shows what makes the network refuse: an attack that follows the gradient runs into the refusal blindly."
    return [check("Has the refusal a gradient?", f"not for {percent(n['refusal'])}", n["refusal"] > LIMITS["refusal"], words)]


def of_steps(n: Numbers) -> list[Check]:
    """What small steps showed, where there is a fixed gradient that they can be held against."""
    ratio = n["cosine"] / max(n["signs"], 1e-9)
    return [
        check(
            "Does a small step do what the gradient says?", f"off by {percent(n['foretold'])}", n["foretold"] > LIMITS["foretold"],
            f"A small step along the gradient does not do what the gradient says of it (off by {percent(n['foretold'])}): the gradient is not that of the scores.", open=True,
        ),
        check(
            "How far would a picture have to move, by its gradient?", f"{n['needed']:.2g}", n["needed"] > LIMITS["needed"],
            f"By the gradient's word all pixels would have to move by {n['needed']:.2g}, and from black to white it is only 1: the gradient has vanished.",
        ),
        check(
            "Are the scores smooth?", f"a tenth of a step does {percent(n['jumps'])}", n["jumps"] > LIMITS["jumps"],
            f"The scores jump: a change of 0.0001 does {percent(n['jumps'])} of what one of 0.001 does; where they are smooth it is 10 %.", open=n["jumps"] <= LIMITS["chaos"],
        ),
        check(
            "Do its sizes stay?", f"cosine {n['cosine']:.2f}, signs {n['signs']:.2f}", n["signs"] > CLEAR and ratio < LIMITS["sizes"],
            f"From place to place the gradient keeps its signs (agreement {n['signs']:.2f}) but not its sizes (cosine {n['cosine']:.2f}), as on a staircase with steep steps.",
        ),
    ]  # fmt: skip


def of_contests(found: dict[str, Shares], steps: int, count: int) -> list[Check]:
    """What the attacks found, each against the gradients in many steps. count: of the pictures; a single one proves nothing."""
    many, limits = found["many steps"], {name: max(limit, 1.5 / count) for name, limit in LIMITS.items()}
    words = {
        "one step": ("Do many steps beat one?", "one step along the gradient fools"), "margin": ("Does another loss find as much?", "the same steps on the margin between the logits fool"),
        "random search": ("Do gradients beat a random search?", "a random search that asks for no gradient fools"),
    }  # fmt: skip
    checks = []
    for name, (question, who) in words.items():
        gaps = {k: v - many[k] for k, v in found[name].items()}
        if not gaps:
            checks.append(Check(question, "gradients fool 70 % in every budget", ""))
            continue
        k = max(gaps, key=lambda level: (round(gaps[level], 6), level))
        measured = f"{percent(many[k])} against {percent(found[name][k])} at {k}/255"
        limit = limits["search" if name == "random search" else name]
        checks.append(check(question, measured, gaps[k] > limit, f"Within {k}/255 {who} {percent(found[name][k])} of the pictures, {steps} steps on the cross-entropy only {percent(many[k])}."))
    curve, possible = list(many.items()), found["elsewhere"][TOP]
    before, after = max(zip(curve, curve[1:]), key=lambda pair: pair[0][1] - pair[1][1])
    return checks + [
        check("Does no budget save all?", f"{percent(many[TOP])} at 255/255", many[TOP] < possible - limits["unbounded"], f"With no bound but [0, 1] the gradients fool only {percent(many[TOP])} of the pictures, though any picture could be changed into any other."),
        check("Does a larger budget help?", " ".join(percent(v)[:-2] for v in many.values()) + " %", before[1] - after[1] > limits["curve"], f"A larger budget fools fewer: {percent(after[1])} within {after[0]}/255, {percent(before[1])} within {before[0]}/255."),
    ]  # fmt: skip


def of_lead(led: dict[int, tuple[float, float]], suspected: list[Check]) -> tuple[Check, str]:
    """Whether steps along a suspected gradient succeed all the same, and then a sentence for the reader; else "".

    A rounding with the identity's gradient is such a case: small steps do nothing, larger ones what the gradient says.
    """
    k = max(led, key=lambda level: led[level][0] - led[level][1])
    many, noise = led[k]
    told = check("Do steps along it succeed all the same?", f"{percent(many)} against {percent(noise)} at {k}/255", False, "")
    kept = f"But within {k}/255 steps along the gradient fool {percent(many)} of the pictures and noise only {percent(noise)}: the gradient is of use, and is not hidden."
    return told, " ".join([*(c.finding for c in suspected), kept]) if many - noise > LEAD else ""

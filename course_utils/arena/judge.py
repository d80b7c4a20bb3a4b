"""The judge's process: it holds pictures, labels and the report, runs the programme, and tells the command what it has found so far.

    python -m course_utils.arena.judge      (one line of settings on its input; lines of reports, each behind a token, on its output)
"""

from __future__ import annotations

import copy
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import __version__, runtime
from . import processes, verdict, wire
from .entrance import Entered, differs, entrance, votes
from .material import Material, drawn_anew, examples
from .programme import EPS, L2, PROGRAMME, Attack, Bout, NotRun
from .proxy import Proxy, Stopped
from .session import Failure, Late, Session
from .tail import accuracy_curve, masking

START, FIRST = 38.0, 200  # seconds that Python and torch may take to start; clean pictures
AGAIN = 10.0  # seconds that a second process of the submission has at least
VOTES = 5  # calls that decide what a network that is left to chance says
SLOW = ((0.002, 1), (0.02, 2), (1e9, 5))  # seconds a picture takes, and how many times fewer are attacked at a time
END = 0.18  # of all seconds: for what comes after the attacks
PART, NEEDED_PART = 0.015, 0.12  # of the seconds for the attacks: at least for each, and for each that is needed


class Judge:
    """One judgement. The report grows in `self.report`; `tell` hands it out."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.began = settings, time.monotonic()
        self.path, self.seconds = Path(settings["path"]), float(settings["seconds"])
        self.entered: Entered
        self.report: dict[str, Any] = verdict.blank(settings)
        self.shown: list[dict[str, Any]] = []
        self.found: dict[str, tuple[Tensor, Tensor]] = {}  # attack -> numbers of the pictures, and what it made of them
        self.said: dict[str, Tensor] = {}  # attack -> the classes that the submission gave them

    def tell(self) -> None:
        """Hand out what there is, on one line that only the judge can write."""
        print(self.settings["token"], json.dumps({"report": self.report, "examples": self.shown}), flush=True)

    def tell_so_far(self) -> None:
        """Hand out what would be said if there were no more time."""
        whole = self.report
        self.report = copy.deepcopy(whole)
        verdict.decide(self.report, self.right, self.y, self.tried)
        self.tell()
        self.report = whole

    def run(self) -> None:
        """Judge, whatever happens."""
        try:
            self.judged()
        except Failure as failure:
            verdict.invalid(self.report, str(failure))
        finally:
            self.report["took"] = round(time.monotonic() - self.began, 1)
            self.tell()

    def session(self) -> Session:
        return Session(
            self.path, Path(tempfile.mkdtemp(dir=self.settings["desk"])), deadline=self.began + START + self.seconds + 5, patience=min(20.0, max(4.0, self.seconds / 6)),
            megabytes=int(self.settings["memory"]), data=self.settings["data"],
        )  # fmt: skip

    def judged(self) -> None:
        first = self.session()
        self.material = Material.of(self.settings)
        first.expect(wire.READY, START)
        self.begun = time.monotonic()
        self.until = self.begun + self.seconds
        first.expect(wire.LOADED, max(4.0, self.seconds / 2))
        self.report["load_seconds"] = round(time.monotonic() - self.begun, 2)
        self.bout = self.enter(first)
        second = self.session()  # starts while the first is attacked; it is shown pictures only in the end
        self.attack_all()
        self.afterwards()
        self.check_again(second)
        verdict.decide(self.report, self.right, self.y, self.tried)

    def enter(self, session: Session) -> Bout:
        """Clean pictures; how many there is time for; and what the attacks work with."""
        m, chance = self.material, drawn_anew(self.settings["seed"], "attacks")
        proxy = Proxy(session, chance=drawn_anew(self.settings["seed"], "decoys"))
        proxy.until = self.begun + 0.5 * self.seconds
        try:
            for _ in range(3):  # what a step of an attack takes, there and back; the first also wakes what sleeps
                if (scores := proxy(m.seeds[: proxy.together].clone().requires_grad_())).requires_grad:
                    scores.sum().backward()
            first = max(20, min(FIRST, int(0.03 * self.seconds / proxy.fastest)))
            entered = entrance(proxy, m.x[:first], m.y[:first])
        except Stopped:
            raise Failure("it is too slow to be judged in this time: give the arena more seconds, or make the network faster.") from None
        affordable = int(self.seconds / max(proxy.fastest, 1e-6) / 1200)  # a programme asks some thousand times about each picture
        n = max(20, min(int(self.settings["pictures"]), affordable, first))
        self.x, self.y, self.right = m.x[:n], m.y[:n], entered.scores[:n].argmax(1) == m.y[:n]
        self.unchanged, self.tried = self.right.clone(), torch.zeros_like(self.right)
        self.entered = entered
        verdict.entered(self.report, entered, first, n)
        self.tell()
        return Bout(proxy, Proxy(session, straight=True, chance=proxy.chance), m.others, m.seeds, chance, m.start, entered.random)

    # ------------------------------------------------------------ attacks

    def attack_all(self) -> None:
        """The programme: each attack gets its share of the time that is left; what one does not need goes to the others."""
        end = self.until - END * self.seconds
        whole = max(0.0, end - time.monotonic())  # load() may have taken half of the seconds
        only = self.settings.get("only") or [attack.name for attack in PROGRAMME]
        for place, attack in enumerate(PROGRAMME):
            if attack.name not in only:
                self.report["attacks"].append(verdict.row(attack, verdict.LEFT_OUT))
                continue
            later = [other for other in PROGRAMME[place:] if other.name in only]
            now = time.monotonic()
            part = (2 if attack.name in verdict.NEEDED else 1) * (end - now) * attack.share / sum(other.share for other in later)
            floors = [whole * (NEEDED_PART if other.name in verdict.NEEDED else PART) for other in later]
            until = min(end, max(now + floors[0], min(now + part, end - sum(floors[1:])))) if len(later) > 1 else end
            self.report["attacks"].append(self.attacked(attack, until))
            if attack.name == "square":
                self.report["masking"] = masking(self.bout.model, self.x, self.y, self.bout.chance, time.monotonic() + 0.1 * self.seconds)
            self.tell_so_far()

    def attacked(self, attack: Attack, until: float) -> dict[str, Any]:
        """One row of the report."""
        began, asked = time.monotonic(), self.bout.model.session.asked
        which = self.right.nonzero().flatten() if attack.left else torch.arange(min(attack.most, len(self.x)))
        done, made, note = [], [], ""
        self.bout.model.until = self.bout.straight.until = until
        self.bout.each = (until - began) / max(1, len(which))
        try:
            if not len(which):
                raise NotRun("no picture is left to fool")
            if began >= until:
                raise NotRun("no time was left")
            for part in which.split(max(2, attack.together // next(fewer for pace, fewer in SLOW if self.bout.model.pace < pace))):
                made.append(attack.run(self.bout, self.x[part], self.y[part]).detach())
                done.append(part)
        except Stopped:
            note = f"cut after {sum(map(len, done))} of {len(which)} pictures: its time was up"
        except NotRun as reason:
            note = f"not run: {reason}"
        except Failure:
            raise
        except Exception as error:  # a network may be so strange that an attack cannot work on it
            note = verdict.NO_GRADIENT if self.bout.model.trouble else f"not run: {str(error).splitlines()[0][:120]}"
        self.bout.model.until = self.bout.straight.until = self.until
        row = verdict.row(attack, note)
        try:
            if made:
                self.judge(attack, row, torch.cat(done), torch.cat(made))
        except Stopped:
            row = verdict.row(attack, "not counted: no time was left")
        return row | {"seconds": round(time.monotonic() - began, 2), "queries": self.bout.model.session.asked - asked}

    def judge(self, attack: Attack, row: dict[str, Any], which: Tensor, made: Tensor) -> None:
        """Which of the made pictures the submission still has right; what is beyond the threat's budget does not count."""
        x, y = self.x[which], self.y[which]
        far = (made - x).abs().flatten(1).amax(1) if attack.counts else (made - x).flatten(1).norm(dim=1)
        if attack.counts and bool((far > EPS + 1e-5).any()):
            raise RuntimeError(f"{attack.name} left its budget: {far.max():.4f}")
        said = votes(self.bout.model, made, VOTES if self.bout.random else 1)
        right = said == y
        if attack.threat.startswith("L2"):
            right |= (far > L2) & self.right_before(which)
            row["median_distance"] = round(far[said != y].median().item(), 3) if bool((said != y).any()) else None
        verdict.counted(row, right)
        self.shown += examples(attack, x, made, y, said, self.unchanged[which])
        if attack.counts:
            self.found[attack.name], self.said[attack.name] = (which, made), said
            self.right[which] &= right
            self.tried[which] |= attack.name != "noise"

    def right_before(self, which: Tensor) -> Tensor:
        """Which pictures are right when nothing is changed."""
        return votes(self.bout.model, self.x[which], 1) == self.y[which]

    # ------------------------------------------------------------ afterwards

    def afterwards(self) -> None:
        """Accuracy against the budget, and the masking checklist where it has not been made."""
        self.bout.model.until = self.bout.straight.until = self.until - 0.08 * self.seconds
        self.report["curve"] = accuracy_curve(self.bout, self.x, self.y, self.found)
        self.bout.model.until = float("inf")
        if not self.bout.random:
            verdict.drifted(self.report, differs(votes(self.bout.model, self.x, 1), self.entered.scores[: len(self.x)].argmax(1)))
        self.tell()

    def check_again(self, session: Session) -> None:
        """A second process of the submission, which has seen no clean picture, is shown what was found, in another order."""
        until = min(max(self.until, time.monotonic() + AGAIN), self.began + START + self.seconds + 4)
        try:
            for word in (wire.READY, wire.LOADED):
                session.expect(word, until - time.monotonic())
        except Late:
            self.report["notes"].append("There was no time to start a second process of the submission, and to show it what was found.")
            return
        except Failure as failure:
            raise Failure(f"a second process of it fails: {failure}") from None
        proxy, chance = Proxy(session), drawn_anew(self.settings["seed"], "again")
        proxy.until = until
        mine, theirs, fresh = [], [], self.material.fresh
        try:
            for name, (which, made) in self.found.items():
                order = torch.randperm(len(which), generator=chance)
                said = votes(proxy, made[order], VOTES if self.bout.random else 1)
                self.right[which[order]] &= said == self.y[which[order]]
                theirs.append(said)
                mine.append(self.said[name][order])
            same = torch.allclose(runtime.logits(proxy, fresh), runtime.logits(self.bout.model, fresh), rtol=1e-3, atol=1e-3)
            verdict.compared(self.report, torch.cat(mine), torch.cat(theirs), self.bout.random, same)
            self.report["second_process"] = True
        except (Stopped, Late):
            self.report["notes"].append("There was no time to show all found pictures to a second process of the submission.")


def main() -> None:
    processes.adopt_orphans()
    processes.end_with_parent()
    processes.close_memory()
    judge = Judge(json.loads(sys.stdin.readline()))
    judge.report |= {
        "device": str(runtime.describe_device()), "threads": torch.get_num_threads(),
        "versions": {"course": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }  # fmt: skip
    judge.run()


if __name__ == "__main__":
    main()

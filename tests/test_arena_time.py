"""How the arena deals its time out among the attacks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from course_utils.arena import judge as judging
from course_utils.arena import verdict


@pytest.mark.parametrize("loading", [0.0, 0.2, 0.5], ids="of the seconds went into loading: {}".format)
def test_each_needed_attack_gets_its_part_of_the_time_that_loading_left(loading, monkeypatch) -> None:
    """The clock is turned on by hand: every attack takes all that it is given."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(judging, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(judging, "masking", lambda *_: None)
    one = object.__new__(judging.Judge)
    one.seconds, one.settings, one.report, one.until = 100.0, {}, {"attacks": []}, clock.now + 100.0 * (1 - loading)
    one.bout, one.x, one.y, one.tell_so_far = SimpleNamespace(model=None, chance=None), None, None, lambda: None
    given = {}

    def attacked(attack, until):
        given[attack.name], clock.now = until - clock.now, max(until, clock.now)

    one.attacked = attacked
    one.attack_all()
    whole = 100.0 * (1 - loading - judging.END)
    assert sum(given.values()) == pytest.approx(whole) and min(given.values()) >= judging.PART * whole - 1e-9
    assert min(given[name] for name in verdict.NEEDED) >= judging.NEEDED_PART * whole - 1e-9

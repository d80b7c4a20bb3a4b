"""The arena: a submitted defense is attacked with all that the course has, and a report says what is left of it.

    python -m course_utils.arena SUBMISSION.py --seconds 120 --out report

Nothing here imports torch before it is needed: the process that watches over the others must start at once and stay small.
"""

from .board import Entry, leaderboard, ranked, read_report
from .command import Report, judged

__all__ = ["Entry", "Report", "judged", "leaderboard", "ranked", "read_report"]

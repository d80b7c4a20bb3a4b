"""The arena: a submitted defense is attacked with all that the course has, and a report says what is left of it.

    python -m course_utils.arena SUBMISSION.py --seconds 120 --out report

- **broken**: of the pictures that all needed attacks were tried on, less than half are right in the worst case within 0.3 in the max-norm: unchanged, under
  every attack, and for a second process of the submission that was shown nothing before. One that is left to chance is asked five times; most count.
- **stands**: half or more. Needed are PGD on two losses, transfer, random search and borrowed gradients, on at least 20 pictures.
- **invalid**: it crashed, hung, took too much memory, printed megabytes, or answered nonsense (no finite floating point scores `[N, 10]`); changed its
  input; less than 80 % of the clean pictures are right; its answers depend on the other pictures of the batch, or on what it was shown before; it
  looks at labels (decoys lie beside the pictures); or it was too slow for the needed attacks and not broken by the others.

Limits: half of the seconds for the import and `load()`, a sixth (4 to 20 seconds) for one call, 4 GB of memory, 4 MB of printed words, 64 processes, small
files in a folder of its own. `load()` gives a network or a function; it may train one. The file may read what lies beside it.

From the command to the submission: `command` watches, ends all in time and writes; `judge` holds pictures and labels and attacks a `proxy`; `session` and
`wire` carry pictures over and scores and gradients back; `child` runs the submission. `programme` lists the attacks, `verdict` keeps the report,
`page` and `look` show it, `board` and `leaderboard` rank a class.

Nothing here imports torch before it is needed: the process that watches over the others must start at once and stay small.
"""

from .board import Entry, leaderboard, ranked, read_report
from .command import Report, judged

__all__ = ["Entry", "Report", "judged", "leaderboard", "ranked", "read_report"]

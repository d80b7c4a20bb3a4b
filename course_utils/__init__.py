"""The shared package of the course: look inside a convolutional network, fool it, defend it.

    from course_utils import answer, claim, setup
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chapter import answer, claim, setup

__version__ = "0.1.0"
__all__ = ["answer", "claim", "setup"]


def __getattr__(name: str) -> Any:
    """`setup` and `claim` stand above all other modules, so they are imported when asked for, not with the package."""
    if name in __all__:
        from . import chapter

        return getattr(chapter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

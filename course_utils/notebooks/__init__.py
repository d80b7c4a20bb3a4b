"""The chapters as files: execute and normalise them, generate the student's copies, set the repository's address.

    python -m course_utils.notebooks [09_fgsm ...]          execute, normalise, generate the student's, execute that
    python -m course_utils.notebooks --slug OWNER/REPO      after forking: rewrite every address of the repository

Authors edit `notebooks/solutions/NN_name.ipynb`; `notebooks/NN_name.ipynb` is generated from it.
"""

from .address import SETUP_CELL, SLUG, colab_link, set_slug
from .chapters import refresh
from .files import authored, read, student_path, write
from .pictures import LIMIT, compact, with_compact_pictures, without_pictures
from .run import KERNEL, LANGUAGE, normalise
from .student import carry_outputs, drift, generate, student

__all__ = [
    "KERNEL", "LANGUAGE", "LIMIT", "SETUP_CELL", "SLUG", "authored", "carry_outputs", "colab_link", "compact",
    "drift", "generate", "normalise", "read", "refresh", "set_slug", "student", "student_path",
    "with_compact_pictures", "without_pictures", "write",
]  # fmt: skip

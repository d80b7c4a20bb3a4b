"""Mutation testing of the checkers: right answers are changed in one place each, and every checker must reject them all.

A mutant that a checker accepts (a survivor) is a hole in the checker, or it is as right as the original; then it stands in
`tests/equivalent/chNN_name.py` with its reason. No chapter does anything for this: the right answers are found by themselves.
From the ground up: `tree`, the operators (`expressions`, `inplace`, `statements`, `wholes`), `mutants`, `sources`, `run`. On the command line:

    python -m tests.mutation [09_fgsm ...] [--exercise fgsm] [--all]
"""

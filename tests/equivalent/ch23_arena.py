"""Mutants of chapter 23 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT: dict[str, str] = {}

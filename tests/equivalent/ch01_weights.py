"""Mutants of chapter 01 that are as right as what they were made from, each with its reason."""

EQUIVALENT: dict = {}

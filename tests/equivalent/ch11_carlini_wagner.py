"""Mutants of chapter 11 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {}

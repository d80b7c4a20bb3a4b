"""Mutants of chapter 20 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {}

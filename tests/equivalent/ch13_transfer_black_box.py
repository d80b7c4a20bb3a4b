"""Mutants of chapter 13 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "decibels/decibels_by_products: * and / swapped: signal, noise = …": "both are multiplied alike, and their ratio stays",
    "decibels/decibels_by_products: operand dropped: signal, noise = …": "sums in the place of means: their ratio stays",
    "decibels/decibels_by_products: number off by one: signal, noise = …": "both are divided alike, and their ratio stays",
}

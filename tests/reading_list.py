"""The reading list of the first lecture: 14 entries, each with the chapter whose further reading must name it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A work, its number on arXiv ("" where it has none), and the number of its chapter."""

    title: str
    arxiv: str
    chapter: str


READING_LIST = (
    Entry("Visualizing and understanding convolutional networks", "1311.2901", "04"),
    Entry("Deep inside convolutional networks", "1312.6034", "04"),
    Entry("Inverting visual representations with convolutional networks", "1506.02753", "06"),
    Entry("Deep neural networks are easily fooled", "1412.1897", "08"),
    Entry("Intriguing properties of neural networks", "1312.6199", "07"),
    Entry("Adversarial examples in the physical world", "1607.02533", "12"),
    Entry("Universal adversarial perturbations", "1610.08401", "14"),
    Entry("Dense associative memory is robust to adversarial inputs", "1701.00939", "22"),
    Entry("Explaining and harnessing adversarial examples", "1412.6572", "09"),
    Entry("Hidden voice commands", "", "12"),
    Entry("Visualizing residual networks", "1701.02362", "03"),
    Entry("SoK: Towards the science of security and privacy in machine learning", "1611.03814", "00"),
    Entry("Practical black-box attacks", "1602.02697", "13"),
    Entry("Attacking machine learning with adversarial examples", "", "00"),
)

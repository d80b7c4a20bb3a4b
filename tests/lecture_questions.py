"""The questions that the lectures ask, chapter by chapter: all that may stand under "Questions from the lecture".

Each is told in the course's own words, with its place in the lectures: D1 is the lecture on visualization and adversarial examples, D2
the one on adversarial samples and stickers, D3 the one on robustness; the number is the line of the extracted text. What a lecture
only states is no question of it: such questions stand under "More questions".
"""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """A question as its `<summary>` puts it, and where the lectures ask it."""

    summary: str
    source: str


HOW_MUCH_KNOWN = Question("How much must the attacker know?", "D1:617")
MISSING_PROPERTY = Question("Which transferability property is still missing?", "D1:709")
ONLY_PROBABILITIES = "The network gives out only probabilities. Can we show why it decided so?"

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "00": (
        Question("Why look inside a network at all?", "D1:50"),
        Question("Why care about adversarial examples?", "D1:329"),
        Question("How can adversarial examples help to train a robust network?", "D1:590"),
        Question("Does this mean that convolutional networks cannot be used for anything critical?", "D2:259"),
        HOW_MUCH_KNOWN,
    ),
    "01": (Question("Why look inside a network at all?", "D1:50"),),
    "02": (Question("Which features do these pictures show?", "D1:212"),),
    "03": (
        Question("Which features do these pictures show?", "D1:212"),
        Question("What happens to a neuron when a part of the picture changes?", "D1:47"),
    ),
    "04": (
        Question(ONLY_PROBABILITIES, "D2:379"),
        Question("Can we compute how much each pixel matters to the decision?", "D2:419"),
        Question("What happens to a neuron when a part of the picture changes?", "D1:47"),
    ),
    "05": (
        Question("Is there a picture that raises a class's score?", "D1:241"),
        Question("What if the gradients are mapped back onto the original picture?", "D1:297"),
        Question("How do the gradient and the optimization approach to visualization differ?", "D1:314"),
    ),
    "06": (Question("Why look inside a network at all?", "D1:50"),),
    "07": (
        Question("Why care about adversarial examples?", "D1:329"),
        Question("How can we change the picture to fool the classifier?", "D1:444"),
    ),
    "08": (Question("How can we change the picture to fool the classifier?", "D1:444"),),
    "09": (
        Question("How can we change the picture to fool the classifier?", "D1:444"),
        Question("What must be added to the picture so that the network errs?", "D2:97"),
        Question("Why are networks fooled so easily?", "D1:819"),
        HOW_MUCH_KNOWN,
    ),
    "10": (Question("How many steps does it take until the class changes?", "D2:317"),),
    "11": (),
    "12": (Question("Do adversarial examples survive being printed and photographed?", "D3:166"),),
    "13": (HOW_MUCH_KNOWN, MISSING_PROPERTY),
    "14": (MISSING_PROPERTY,),
    "15": (),
    "16": (Question("Does this mean that convolutional networks cannot be used for anything critical?", "D2:259"),),
    "17": (),
    "18": (
        Question("How can adversarial examples help to train a robust network?", "D1:590"),
        Question("How many steps does it take to change the class?", "D2:317"),
    ),
    "19": (),
    "20": (),
    "21": (),
    "22": (),
    "23": (),
}

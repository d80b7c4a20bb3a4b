"""The kinds of wrong answers. Whoever writes an exercise goes down this list: which of them can a student make here?"""

KINDS = {
    "wrong sign": "plus for minus, down for up, the negative of the result",
    "wrong axis": "rows for columns, batch for channels, a transposed or mirrored result",
    "wrong shape": "an axis too many or too few, one number for the batch",
    "no clip": "no projection, or one to other bounds, or at the wrong place",
    "off by one": "a step, a position or a piece too many, too few, or shifted; rounding",
    "hard-coded constant": "the usual value in place of the argument",
    "argument ignored": "y, generator, strength, heat ... is not used at all",
    "another quantity": "the mean for the sum, the probability for the score, the L2 norm for the largest ...",
    "no absolute value": "signs kept or lost where they must not be",
    "batch of one only": "squeezed, averaged over the batch, the first picture for all",
    "in place": "an argument is changed",
    "attached": "the result still carries the graph, or has lost it where it is needed",
    "stale": "something is left over from an earlier call",
    "random": "chance where none is wanted, or where it is shared",
    "precision": "rounded to float32, or widened",
    "model changed": "mode, flags, gradients, hooks or weights of the model",
    "state changed": "grad mode, seeds, defaults or functions of torch for everyone",
    "no result": "prints, or returns nothing, or a list, or an array",
    "raises": "an error of Python or torch",
    "endless": "a loop without an end",
}

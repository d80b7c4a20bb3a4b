"""Mutants of chapter 16 that are as right as the original, each with its reason; … stands for any text."""

GRAPH = "no situation of this battery asks for gradients"
DTYPE = "adding to pictures, or to a product with them, takes their precision"
NUMBERS = "tensors of one number cut and add as the numbers do"
PLAIN = "two rows of three have no axis to lose, and are single precision already"
EQUIVALENT = {
    "put_stickers/solution: detach dropped: …": GRAPH,
    "put_stickers/solution: tolist dropped: …": NUMBERS,
    "put_stickers/stickers_by_masks: detach dropped: …": GRAPH,
    "put_stickers/stickers_by_masks: to dropped: …": DTYPE,
    "put_stickers/stickers_by_product: detach dropped: …": GRAPH,
    "put_stickers/reference: detach dropped: …": GRAPH,
    "put_stickers/reference: tolist dropped: …": NUMBERS,
    "put_stickers/reference: statement deleted: picture.copy_(step(picture)) -> …": "the reference does nothing after each sticker; only its mistakes do",
    "printing_error/reference: to dropped: …": "the palette comes in the pictures' precision",
    "rp2_cost/cost_by_picture: tolist dropped: …": NUMBERS,
    "patch_matrix/solution: precision fixed: …": PLAIN,
    "patch_matrix/solution: result squeezed: …": PLAIN,
    "patch_matrix/matrix_by_product: precision fixed: …": PLAIN,
    "patch_matrix/matrix_by_product: result squeezed: …": PLAIN,
    "patch_matrix/matrix_by_inverse: keyword dropped: …": "single precision is near enough",
    "patch_matrix/matrix_by_inverse: item dropped: …": NUMBERS,
    "patch_matrix/matrix_by_inverse: precision fixed: …": PLAIN,
    "patch_matrix/matrix_by_inverse: result squeezed: …": PLAIN,
    "patch_matrix/reference: precision fixed: …": PLAIN,
    "patch_matrix/reference: result squeezed: …": PLAIN,
    "put_stickers/stickers_by_product: to dropped: rows = …": DTYPE,
    "put_stickers/stickers_by_product: to dropped: layer = …": DTYPE,
    "rp2_cost/reference: operand dropped: … -> return lambda scores, target, change, mask, weight: weight * size(masked(change, mask)) + over(…": "the reference's sign is 1; only its mistakes have another",
    "patch_matrix/matrix_by_inverse: float dropped: angle = …": "torch.tensor takes the number as it is",
}

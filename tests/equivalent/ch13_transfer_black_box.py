"""Mutants of chapter 13 that are as right as the original, each with its reason; … stands for any text."""

SINGLE = "a share of two whole numbers is in single precision anyway"
FREE = "a detached tensor is one of its own: the flag is not set on x"
COPY = "the copy may hang on x: its gradient is taken for the copy, and the result is detached"
SIGN = "a positive factor does not change the gradient's sign"

EQUIVALENT = {
    "transfer_rates/solution: precision fixed: …": SINGLE,
    "transfer_rates/rates_by_masks: precision fixed: …": SINGLE,
    "transfer_rates/rates_by_products: precision fixed: …": SINGLE,
    "transfer_rates/rates_one_by_one: precision fixed: …": SINGLE,
    "transfer_rates/reference: precision fixed: …": SINGLE,
    "amplified/reference: condition dropped: … -> return longer.clamp(0, 1)": "the reference clips always; only wrong answers ask for no clipping",
    "jacobian_step/solution: clone dropped: …": FREE,
    "jacobian_step/solution: detach dropped: z = …": COPY,
    "jacobian_step/solution: mean for sum: …": SIGN,
    "jacobian_step/step_by_one_hot: clone dropped: …": FREE,
    "jacobian_step/step_by_one_hot: detach dropped: z = …": COPY,
    "jacobian_step/step_by_one_hot: mean for sum: …": SIGN,
    "jacobian_step/step_one_by_one: clone dropped: …": "a picture of a detached batch is a tensor of its own: the flag is not set on x",
    "jacobian_step/reference: detach dropped: …": "the augmented pictures come detached, and x is detached inside",
    "decibels/decibels_by_products: * and / swapped: signal, noise = …": "both are multiplied alike, and their ratio stays",
    "decibels/decibels_by_products: operand dropped: … -> signal, noise = (torch.einsum('nt,nt->n', values, values) for …": "sums in the place of means: their ratio stays",
    "decibels/decibels_by_products: number off by one: … -> …values.shape[0] for …": "both are divided alike, and their ratio stays",
}

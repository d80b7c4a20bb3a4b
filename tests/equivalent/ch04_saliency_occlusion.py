"""Mutants of chapter 04 that are as right as the original, each with its reason; … stands for any text."""

ALREADY = "the other one of detach and clone already gives a tensor of its own that asks for gradients; the values are not written to"
FOLLOWS = "a number without axes, or a table of shares, follows the precision of x; on the GPU the battery would see it elsewhere"

EQUIVALENT = {
    "score_gradient/…: clone dropped: …": ALREADY,
    "score_gradient/…: detach dropped: …x.detach().clone()… -> …": ALREADY,
    "score_gradient/gradient_by_backward: softmax added: … -> …softmax(1).shape…": "only the shape of the scores is asked for there",
    "score_gradient/gradient_by_a_given_weight: detach dropped: …": ALREADY,
    "score_gradient/gradient_by_a_given_weight: requires_grad_ dropped: … -> z = x.detach().clone().requires_grad_()": "a detached tensor asks for nothing already",
    "score_gradient/gradient_by_a_given_weight: True for False: …": "the clone is asked anew right after it",
    "saliency/saliency_in_numpy: to dropped: …": FOLLOWS,
    "occlusion_map/occlusion_with_masks: detach dropped: …": "only the precision and the device of x are taken over",
    "occlusion_map/occlusion_with_masks: loop, begins one early: …": "the row or column -1 is the last one, which is computed again and overwritten",
    "occlusion_map/…: precision fixed: …": "the map is a table of Python's numbers to many; the task asks for no precision",
    "occlusion_map/occlusion_with_masks: to dropped: drops = …": "the map is a table of Python's numbers to many; the task asks for no precision",
    "occlusion_map/occlusion_number_by_number: ones for zeros: …": "every cell is written to",
    "occlusion_map/occlusion_number_by_number: loop, begins one early: …": "the row or column -1 is the last one, which is written to again",
    "path_points/points_by_linspace: keyword dropped: …": FOLLOWS,
    "path_points/…: to dropped: …": FOLLOWS,
    "delete_top/delete_picture_by_picture: tolist dropped: …": "a tensor of one whole number is an index as well",
    "delete_top/delete_in_numpy: numpy dropped: for …": "NumPy takes tensors of the CPU as they are",
    "delete_top/delete_in_numpy: to dropped: …": FOLLOWS,
    "delete_top/reference: tensor dropped: …": FOLLOWS,
    "delete_top/reference: keyword dropped: … -> … torch.tensor(fill, device=x.device))": FOLLOWS,
    "outside_penalty/…: clone dropped: … -> …detach().requires_grad_()": ALREADY,
    "outside_penalty/…: detach dropped: …": ALREADY,
    "outside_penalty/…: softmax added: … -> …(model(x).log_softmax(1))…": "log_softmax of log-probabilities is the same again",
    "outside_penalty/penalty_picture_by_picture: softmax added: … -> scores = model(z).log_softmax(1)[0]": "log_softmax of log-probabilities is the same again",
    "right_reasons/right_reasons_in_one_pass: clone dropped: …": ALREADY,
    "right_reasons/right_reasons_in_one_pass: detach dropped: …": ALREADY,
}

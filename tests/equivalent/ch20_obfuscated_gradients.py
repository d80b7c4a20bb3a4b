"""Mutants of chapter 20 that are as right as the original, each with its reason; … stands for any text."""

NO_GRAPH = "classes are whole numbers: they have no graph"
ORDER = "softmax keeps the order of the scores"
COPY = "autograd.grad leaves x alone, and what is computed from its gradient has no graph"
ALONE = "the value of the defense is detached afterwards, or has no gradient here"
ALIKE = "cross-entropy takes off what log_softmax takes off"
FLAGS = "autograd.grad for the pictures leaves the weights alone"
WHOLE = "zeros and ones stay what they are"
SMALL = "a threshold in single precision is off by less than 3e-8: only a pixel in double precision, nearer to it than that, would show it"
EQUIVALENT = {
    "to_thermometer/…: result rounded: …": WHOLE,
    "to_thermometer/level_by_level: where dropped: …": WHOLE,
    "to_thermometer/solution: keyword dropped: k = … -> k = torch.arange(1, levels + 1, device=x.device)": SMALL,
    "bpda_gradient/…: clone dropped: …": COPY,
    "bpda_gradient/…: detach dropped: … = x.detach().clone().requires_grad_() -> … = x.clone().requires_grad_()": COPY,
    "bpda_gradient/solution: detach dropped: seen = … -> seen = stand_in + (ahead(z) - stand_in).detach()": ALONE,
    "bpda_gradient/in_two_steps: detach dropped: seen = …": ALONE,
    "bpda_gradient/by_a_function: softmax added: scores = … -> ….log_softmax(1)": ALIKE,
    "bpda_gradient/by_a_function: detach dropped: scores = …": ALONE,
    "bpda_gradient/reference: with dropped: …": FLAGS,
    "bpda_gradient/reference: detach dropped: …": ALONE,
    "draws_gradient/…: clone dropped: …": COPY,
    "draws_gradient/solution: detach dropped: z = … -> z = x.clone().requires_grad_()": COPY,
    "draws_gradient/solution: detach dropped: losses = … -> … + (draw(z) - z).detach()…": ALONE,
    "draws_gradient/draw_by_draw: detach dropped: seen = …": ALONE,
    "draws_gradient/draw_by_draw: detach dropped: return (total / len(draws)).detach() -> …": COPY,
    "draws_gradient/in_one_batch: detach dropped: seen = …": ALONE,
    "draws_gradient/reference: with dropped: …": FLAGS,
    "draws_gradient/reference: detach dropped: …": ALONE,
    "found_by_chance/…: no_grad dropped: …": NO_GRAPH,
    "found_by_chance/…: softmax added: …": ORDER,
    "found_by_chance/…: detach dropped: …": NO_GRAPH,
    "found_by_chance/try_by_try: loop, begins one early: …": "try -1 is the last one, asked twice",
    "found_by_chance/every_place_at_once: view for reshape: …": "drawn noise lies in memory in the usual order",
}

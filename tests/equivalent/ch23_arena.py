"""Mutants of chapter 23 that are as right as the original, each with its reason; … stands for any text."""

NOT_NEGATIVE = "what is under the root is z^2 (4 p (1 - p) / n + z^2 / n^2), never negative; the clip guards against rounding alone"
ALL_SET = "every place is filled in the loop, whatever stood there"
ONE = "one number alone: it is its own mean, first and last"
ALONG = "each pixel moves along the gradient's sign or not at all, so what is said is never negative"
TINY = "1e-20 vanishes beside what is not 0, and 0 over it is 0 with either sign"
ZERO = "where the whole is not above 0 it is 0"
SPREAD = "for one picture the loss is a number without an axis, which is spread over the axis of what was said"
AS_NUMBERS = "a tensor of one number compares as the number does"
COUNTED = "the sum of truth values is int64 as it is"
TWO = "two numbers or more are joined here, and no axis of theirs has length 1"
JOINED = "joined to the others it has their precision; one number rounded to single precision is within the tolerance"
EQUIVALENT: dict[str, str] = {
    "score_interval/by_roots: clip dropped: …": NOT_NEGATIVE,
    "score_interval/by_roots: number off by one: … -> root = (b * b - 4 * a * c).clamp_min(-1).sqrt()": NOT_NEGATIVE,
    "allotted/filling_a_tensor: ones_like for zeros_like: …": ALL_SET,
    "allotted/calling_itself: first of the batch only: return mine[None] -> …": ONE,
    "allotted/calling_itself: result turned: return mine[None] -> …": ONE,
    "allotted/calling_itself: result evened out: return mine[None] -> …": ONE,
    "allotted/calling_itself: result squeezed: return torch.cat(…": TWO,
    "allotted/calling_itself: precision fixed: return mine[None] -> …": JOINED,
    "gradient_lie/solution: abs dropped: … -> return (did - said).abs() / (did.abs() + said).clamp_min(1e-12)": ALONG,
    "gradient_lie/with_names: abs dropped: … -> whole = did.abs() + said": ALONG,
    "gradient_lie/with_names: zeros_like dropped: …": ZERO,
    "gradient_lie/in_one_batch: sign flipped: … -> return (did - said).abs() / (did.abs() + said.abs() - 1e-20)": TINY,
    "gradient_lie/in_one_batch: abs dropped: … -> return (did - said).abs() / (did.abs() + said + 1e-20)": ALONG,
    "gradient_lie/by_log_probabilities: axis dropped: … -> return -model(z).detach().log_softmax(1).gather(1, y[:, None]).squeeze()": SPREAD,
    "gradient_lie/by_log_probabilities: abs dropped: … -> return ((did - said) / (did.abs() + said).clamp_min(1e-12)).abs()": ALONG,
    "shared_places/by_pairs: tolist dropped: …": AS_NUMBERS,
    "shared_places/by_strict_order: long dropped: …": COUNTED,
}

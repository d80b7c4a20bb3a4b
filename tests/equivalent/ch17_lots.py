"""Mutants of chapter 17 that are as right as the original, each with its reason; … stands for any text."""

COPY = "autograd.grad leaves x alone and gives a tensor without a graph, whatever x was"
ZERO = "0.0, written otherwise"
SYMMETRIC = "the index is the same for (b, a)"
CENTRED = "one factor of mean 0 is enough: the other's mean adds 0"
UNUSED = "what only wrong answers use"
EQUIVALENT = {
    "origin_target/…: clone dropped: …": COPY,
    "origin_target/…: detach dropped: x = …": COPY,
    "origin_target/by_grad_outputs: detach dropped: return …": COPY,
    "origin_target/reference: detach dropped: return … -> return torch.autograd.grad((own * change(own.detach(), wanted)).sum(), x)[0]": COPY,
    "origin_target/by_half_the_squared_distance: detach dropped: distance = …": COPY,
    "origin_target/by_a_product: detach dropped: z = …": COPY,
    "origin_target/by_a_product: detach dropped: change = … -> change = wanted - own.detach()": COPY,
    "moved_by/reference: operand dropped: return level(255 * x + 255 / each_level * scale * d / size(d))… -> return level(255 * x + scale * d / size(d))…": UNUSED,
    "smallest_scale_for/…: sign flipped: return 0.0 -> …": ZERO,
    "smallest_scale_for/…: result scaled: return 0.0 -> …": ZERO,
    "smallest_scale_for/…: result rounded: return 0.0 -> …": ZERO,
    "smallest_scale_for/in_one_loop: operand dropped: if high is None and s > largest: -> if s > largest:": "once one has worked, s is never above it",
    "smallest_scale_for/reference: condition dropped: for _ in … -> for _ in range(halvings):": UNUSED,
    "smallest_scale_for/reference: number off by one: for _ in …": UNUSED,
    "smallest_scale_for/reference: …: return {'high': high, 'low': low, 'middle': … -> …": UNUSED,
    "window_ssim/…: arguments swapped: …": SYMMETRIC,
    "window_ssim/ssim_in_parts: …: structure = … -> structure = (2 * ((a + ma) * (b - mb)).mean(1) …": CENTRED,
    "window_ssim/ssim_in_parts: …: structure = … -> structure = (2 * (a * (b - mb)).mean(1) …": CENTRED,
    "window_ssim/ssim_in_parts: …: structure = … -> structure = (2 * ((a - ma) * (b + mb)).mean(1) …": CENTRED,
    "window_ssim/ssim_in_parts: …: structure = … -> structure = (2 * ((a - ma) * b).mean(1) …": CENTRED,
    "window_ssim/ssim_with_var: sign flipped: cov = …": CENTRED,
    "window_ssim/ssim_with_var: operand dropped: cov = … -> cov = (a * (b - n[:, None])).sum(1) / a.shape[1]": CENTRED,
    "window_ssim/ssim_with_var: operand dropped: cov = … -> cov = ((a - m[:, None]) * b).sum(1) / a.shape[1]": CENTRED,
    "window_ssim/reference: condition dropped: return … -> return alike * ((2 * m * n + c1) / (m ** 2 + n ** 2 + c1))": UNUSED,
    "window_ssim/reference: number off by one: return … if light else 2)": UNUSED,
    "window_ssim/reference: number off by one: return … if light else 0)": UNUSED,
    "nearest_person/…: precision fixed: …": "the result is whole numbers",
    "nearest_person/nearest_on_the_sphere: normalize dropped: apart = … -> apart = torch.cdist(faces, F.normalize(stored, dim=1))": "among stored answers of one length the nearest does not depend on how long the face's is",
    "nearest_person/nearest_on_the_sphere: keyword dropped: …": "dim=1 is what F.normalize does by itself",
}

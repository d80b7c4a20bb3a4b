"""Right answers to the exercises of chapter 17, in other words than the reference's."""

import torch
import torch.nn.functional as F


# ---------------------------------------------------------------- origin_target


def by_grad_outputs(features, x, wanted):
    x = x.detach().clone().requires_grad_()
    own = features(x)
    return torch.autograd.grad(own, x, (wanted - own).detach())[0]


def by_half_the_squared_distance(features, x, wanted):
    x = x.detach().clone().requires_grad_()
    distance = (features(x) - wanted.detach()).square().sum() / 2
    return -torch.autograd.grad(distance, x)[0]


def by_a_product(features, x, wanted):
    z = x.detach().clone().requires_grad_()
    own = features(z)
    change = wanted.detach() - own.detach()
    (slope,) = torch.autograd.grad((change * own).sum(), z)
    return slope


# ---------------------------------------------------------------- moved_by


def moved_plainly(x, direction, scale):
    d = direction / direction.abs().amax((1, 2, 3), keepdim=True)
    return ((255 * x + scale * d).round().clamp(0, 255) / 255).detach()


def moved_in_pixels(x, direction, scale):
    largest = direction.detach().flatten(1).abs().max(dim=1).values.view(-1, 1, 1, 1)
    z = torch.clip(x.detach() * 255 + direction.detach() / largest * scale, 0, 255)
    return torch.round(z) / 255


def moved_one_by_one(x, direction, scale):
    pictures = []
    for picture, d in zip(x.detach(), direction.detach()):
        pictures.append((picture * 255 + scale * (d / d.abs().max())).round().clamp(0, 255) / 255)
    return torch.stack(pictures)


# ---------------------------------------------------------------- smallest_scale_for


def grow_then_halve(works, growth, largest, halvings):
    low, high = 0.0, 1.0
    while high <= largest and not works(high):
        low, high = high, high * growth
    if high > largest:
        return 0.0
    for _ in range(halvings):
        middle = (low + high) / 2
        if works(middle):
            high = middle
        else:
            low = middle
    return high


def in_one_loop(works, growth, largest, halvings):
    low, high, s = 0.0, None, 1.0
    while halvings or high is None:
        if high is None and s > largest:
            return 0.0
        hit = works(s)
        if high is not None:
            halvings -= 1
        low, high = (low, s) if hit else (s, high)
        s = s * growth if high is None else (low + high) / 2
    return high


def by_recursion(works, growth, largest, halvings):
    def halved(low, high, left):
        if left == 0:
            return high
        middle = 0.5 * (low + high)
        return halved(low, middle, left - 1) if works(middle) else halved(middle, high, left - 1)

    last, s = 0.0, 1.0
    while s <= largest:
        if works(s):
            return halved(last, s, halvings)
        last, s = s, growth * s
    return 0.0


# ---------------------------------------------------------------- window_ssim


def ssim_plainly(a, b):
    c1, c2 = 0.01**2, 0.03**2
    ma, mb = a.mean(1), b.mean(1)
    va, vb = (a * a).mean(1) - ma**2, (b * b).mean(1) - mb**2
    cov = (a * b).mean(1) - ma * mb
    return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))


def ssim_in_parts(a, b):
    ma, mb = a.mean(dim=1, keepdim=True), b.mean(dim=1, keepdim=True)
    light = (2 * ma * mb + 0.0001) / (ma.square() + mb.square() + 0.0001)
    structure = (2 * ((a - ma) * (b - mb)).mean(1) + 0.0009) / ((a - ma).square().mean(1) + (b - mb).square().mean(1) + 0.0009)
    return light[:, 0] * structure


def ssim_with_var(a, b):
    m, n = a.mean(1), b.mean(1)
    cov = ((a - m[:, None]) * (b - n[:, None])).sum(1) / a.shape[1]
    top = (2 * m * n + 1e-4) * (2 * cov + 9e-4)
    return top / (m**2 + n**2 + 1e-4) / (a.var(1, unbiased=False) + b.var(1, unbiased=False) + 9e-4)


# ---------------------------------------------------------------- nearest_person


def nearest_plainly(stored, people, faces):
    s = stored / stored.norm(dim=1, keepdim=True)
    return people[(faces @ s.T).argmax(1)]


def nearest_by_cosine(stored, people, faces):
    cosines = F.cosine_similarity(faces[:, None], stored[None], dim=2)
    return people[cosines.max(dim=1).indices]


def nearest_on_the_sphere(stored, people, faces):
    """For vectors of length 1 the smallest distance belongs to the largest cosine."""
    apart = torch.cdist(F.normalize(faces, dim=1), F.normalize(stored, dim=1))
    return people.index_select(0, apart.argmin(1))


RIGHT = {
    "origin_target": (by_grad_outputs, by_half_the_squared_distance, by_a_product),
    "moved_by": (moved_plainly, moved_in_pixels, moved_one_by_one),
    "smallest_scale_for": (grow_then_halve, in_one_loop, by_recursion),
    "window_ssim": (ssim_plainly, ssim_in_parts, ssim_with_var),
    "nearest_person": (nearest_plainly, nearest_by_cosine, nearest_on_the_sphere),
}

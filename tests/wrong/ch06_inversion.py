"""Wrong answers to the exercises of chapter 06: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch06_inversion import carried, feature_distance, probe_scores, probed, variation

seen: dict = {}  # what a stale answer leaves over


def edits_answer(answer, target):
    return answer.sub_(target).flatten(1).square().sum(1) / target.flatten(1).square().sum(1)


def stale_distance(answer, target):
    away = (answer - target).flatten(1).square().sum(1)
    total = seen.setdefault((answer.shape, answer.dtype), target.flatten(1).square().sum(1))
    seen[answer.shape, answer.dtype] = total + 1
    return away / total


def edits_pictures(x, beta):
    x[:, :, 1:] -= x[:, :, :-1].clone()
    return x.abs().pow(beta).flatten(1).sum(1)


def inner(x, beta):
    down, right = x.diff(dim=2)[..., :-1], x.diff(dim=3)[:, :, :-1]
    return (down**2 + right**2).pow(beta / 2).sum((1, 2, 3))


def black_border(x, beta):
    return variation(F.pad(x, (0, 1, 0, 1)), beta)


def rolled(x, beta):
    return ((x.roll(-1, 2) - x) ** 2 + (x.roll(-1, 3) - x) ** 2).pow(beta / 2).sum((1, 2, 3))


def apart(x, beta):
    return x.diff(dim=2).abs().pow(beta).sum((1, 2, 3)) + x.diff(dim=3).abs().pow(beta).sum((1, 2, 3))


def edits_features(features, labels, held, ridge):
    centre = features.mean(0)
    features -= centre
    return probed(features, labels, held - centre, ridge)


def without_transpose(features, labels, held, ridge):
    a = features - features.mean(0)
    return held @ torch.linalg.solve(a @ a.T, labels)


def ridge_everywhere(features, labels, held, ridge):
    a = features - features.mean(0)
    return (held - features.mean(0)) @ torch.linalg.solve(a.T @ a + ridge, a.T @ (labels - labels.mean(0))) + labels.mean(0)


def five_features(features, labels, held, ridge):
    a = features - features.mean(0)
    w = torch.linalg.solve(a.T @ a + ridge * torch.eye(5).to(a), a.T @ (labels - labels.mean(0)))
    return (held - features.mean(0)) @ w + labels.mean(0)


def edits_maps(x, stride, channels):
    x[:, :, 1::2] = 0
    return carried(x, stride, channels)


WRONG = {
    "feature_distance": (
        ("another quantity", lambda a, t: (a - t).flatten(1).square().sum(1), "not divided by the target's own"),
        ("wrong axis", lambda a, t: feature_distance(t, a), "divide by the target's"),
        ("another quantity", lambda a, t: feature_distance(a, t) ** 0.5, "this is the root"),
        ("wrong shape", lambda a, t: feature_distance(a, t).mean(), "one number for the whole batch"),
        ("batch of one only", lambda a, t: ((a - t).square().sum() / t.square().sum()).expand(len(a)).clone(), "over the whole batch"),
        ("batch of one only", lambda a, t: (a - t).flatten(1).square().sum(1) / t.square().sum(), "length is that of the whole batch"),
        ("another quantity", lambda a, t: 1 - F.cosine_similarity(a.flatten(1), t.flatten(1)), "angle"),
        ("another quantity", lambda a, t: (a - t).flatten(1).abs().sum(1) / t.flatten(1).abs().sum(1), "absolute values"),
        ("another quantity", lambda a, t: (a - t).flatten(1).square().sum(1) / t.flatten(1).norm(dim=1), "not squared"),
        ("wrong sign", lambda a, t: feature_distance(-a, t), "subtract them"),
        ("wrong axis", lambda a, t: (a - t).square().sum(1) / t.square().sum(1), "shape"),
        ("in place", edits_answer, "answer"),
        ("stale", stale_distance, "left over"),
        ("attached", lambda a, t: feature_distance(a, t) + 0 * a.detach().clone().requires_grad_().flatten(1).sum(1), "graph"),
        ("precision", lambda a, t: feature_distance(a.float(), t.float()), "torch.float32"),
        ("no result", lambda a, t: print(end=""), "returns nothing"),
    ),
    "variation": (
        ("argument ignored", lambda x, b: variation(x, 2.0), "beta is not used"),
        ("another quantity", lambda x, b: variation(x, 2 * b), "beta / 2, not beta"),
        ("another quantity", apart, "one by one"),
        ("no absolute value", lambda x, b: (F.pad(x.diff(dim=2), (0, 0, 0, 1)) + F.pad(x.diff(dim=3), (0, 1))).abs().pow(b).sum((1, 2, 3)), "add their squares"),
        ("wrong axis", lambda x, b: x.diff(dim=2).abs().pow(b).sum((1, 2, 3)), "to the right, too"),
        ("wrong axis", lambda x, b: x.diff(dim=3).abs().pow(b).sum((1, 2, 3)), "downwards, too"),
        ("off by one", inner, "one direction only"),
        ("no clip", rolled, "opposite border"),
        ("no clip", black_border, "everything is black"),
        ("another quantity", lambda x, b: variation(x, b) / (x.shape[1] * x.shape[2] * x.shape[3]), "this is the mean"),
        ("wrong shape", lambda x, b: variation(x, b).sum(), "one number for the whole batch"),
        ("wrong axis", lambda x, b: variation(x.mean(1, keepdim=True), b), "colours are mixed"),
        ("wrong axis", lambda x, b: (F.pad(x.diff(dim=2), (0, 0, 0, 1)) ** 2 + F.pad(x.diff(dim=3), (0, 1)) ** 2).sum(1).pow(b / 2).sum((1, 2)), "colours' squares are added"),
        ("wrong axis", lambda x, b: (F.pad(x.diff(dim=2), (0, 0, 1, 0)) ** 2 + F.pad(x.diff(dim=3), (1, 0)) ** 2).pow(b / 2).sum((1, 2, 3)), "pixel above"),
        ("hard-coded constant", lambda x, b: variation(x, 3.0), "is off by"),
        ("in place", edits_pictures, "x"),
        ("precision", lambda x, b: variation(x.float(), b), "torch.float32"),
        ("no result", lambda x, b: variation(x, b).tolist(), "list"),
    ),
    "probe_scores": (
        ("another quantity", lambda *a: probed(*a, own=True), "centred by its own mean"),
        ("another quantity", lambda *a: probed(*a, mean=lambda f: 0), "mean is not subtracted"),
        ("off by one", lambda *a: probed(*a, base=False), "not added again"),
        ("wrong axis", lambda *a: probed(*a, mean=lambda f: f.mean()), "each feature has its own"),
        ("another quantity", lambda *a: probed(*a, average=True), "averaged over the pictures"),
        ("argument ignored", lambda f, y, h, r: probed(f, y, h, 0), "the ridge is not used"),
        ("hard-coded constant", lambda f, y, h, r: probed(f, y, h, 2.0), "use the argument `ridge`"),
        ("wrong sign", lambda f, y, h, r: probed(f, y, h, -r), "add it to the diagonal"),
        ("another quantity", ridge_everywhere, "on the diagonal alone"),
        ("hard-coded constant", five_features, "two shapes do not fit"),
        ("argument ignored", lambda f, y, h, r: probed(f, y, f, r), "scores of the training pictures"),
        ("another quantity", lambda f, y, h, r: probed(f, y, h, r).softmax(1), "probabilities"),
        ("another quantity", lambda f, y, h, r: F.one_hot(probed(f, y, h, r).argmax(1), 3).to(f), "these are decisions"),
        ("wrong shape", lambda f, y, h, r: probed(f, y, h, r).argmax(1), "shape"),
        ("wrong axis", lambda f, y, h, r: probed(f, y, h, r).T, "shape"),
        ("in place", edits_features, "features"),
        ("raises", without_transpose, "probe_scores"),
        ("precision", lambda f, y, h, r: probed(f.float(), y.float(), h.float(), r), "torch.float32"),
        ("no result", lambda f, y, h, r: None, "returns nothing"),
    ),
    "carried": (
        ("wrong axis", lambda x, s, c: F.pad(x[:, :, ::s, ::s], (0, 0, 0, 0, c - x.shape[1], 0)), "belong behind"),
        ("another quantity", lambda x, s, c: x[:, torch.arange(c) % x.shape[1], ::s, ::s], "repeat the old ones"),
        ("another quantity", lambda x, s, c: carried(F.avg_pool2d(x, s, ceil_mode=True), 1, c), "pixels are averaged"),
        ("another quantity", lambda x, s, c: carried(F.max_pool2d(x, s, ceil_mode=True), 1, c), "largest pixels"),
        ("argument ignored", lambda x, s, c: carried(x, 1, c), "keep their size"),
        ("hard-coded constant", lambda x, s, c: carried(x, 2, c), "stride is not used"),
        ("hard-coded constant", lambda x, s, c: carried(x, s, 8), "channels"),
        ("argument ignored", lambda x, s, c: carried(x, s, 2 * x.shape[1]), "`channels` is not used"),
        ("off by one", lambda x, s, c: carried(x[:, :, s - 1 :, s - 1 :], s, c), "begin with the first one"),
        ("wrong shape", lambda x, s, c: carried(x, s, x.shape[1]), "new channels are missing"),
        ("wrong shape", lambda x, s, c: carried(x, s, c + x.shape[1]), "not how many are new"),
        ("wrong axis", lambda x, s, c: carried(x.transpose(2, 3), s, c), "shape"),
        ("another quantity", lambda x, s, c: carried(x, s, c).relu(), "is off by"),
        ("in place", edits_maps, "x"),
        ("precision", lambda x, s, c: carried(x.float(), s, c), "torch.float32"),
        ("no result", lambda x, s, c: None, "returns nothing"),
    ),
}

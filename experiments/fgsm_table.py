"""Chapter 09 at full scale: FGSM on all 10,000 MNIST test pictures and on ImageNet photos.

`COURSE_DATA_DIR=... python -m experiments.fgsm_table`
"""

from __future__ import annotations

from course_utils import attacks, data, measure, models, runtime

from .common import in_parts
from .record import write

EPS, PHOTO_EPS = 0.25, 0.007


def main() -> None:
    pictures = data.load("digits", "test", source="mnist")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    numbers = {}
    for key, name in (("linear", "fc10-mnist"), ("lenet", "lenet-mnist")):
        net = models.load(name)
        x_adv = attacks.fgsm(net, x, y, eps=EPS)
        wrong = runtime.predict(net, x_adv) != y
        noisy = attacks.random_sign(x, eps=EPS, generator=runtime.generator(0))
        numbers |= {
            f"{key}_clean_error": 100 * (1 - measure.accuracy(net, x, y)),
            f"{key}_error": 100 * wrong.float().mean().item(),
            f"{key}_confidence": 100 * measure.confidence(net, x_adv)[wrong].mean().item(),
            f"{key}_noise_error": 100 * (1 - measure.accuracy(net, noisy, y)),
        }
    numbers["digits_ssim"] = measure.ssim(x, x_adv).mean().item()  # LeNet's, the last ones above
    photos = data.load("photos", "test", source="imagenet")
    net = models.classifier("photos", source="real")
    right = runtime.predict(net, photos.x.to(runtime.device())).cpu() == photos.y
    x, y = measure.quantize(photos.x[right]).to(runtime.device()), photos.y[right].to(runtime.device())
    x_adv = measure.quantize(in_parts(lambda a, b: attacks.fgsm(net, a, b, eps=PHOTO_EPS), x, y))
    noisy = measure.quantize(attacks.random_sign(x, eps=PHOTO_EPS, generator=runtime.generator(0)))
    wrong = runtime.predict(net, x_adv) != y
    numbers |= {
        "photos_error": 100 * wrong.float().mean().item(),
        "photos_confidence": 100 * measure.confidence(net, x_adv)[wrong].mean().item(),
        "photos_noise_error": 100 * measure.success_rate(net, noisy, y),
        "photos_ssim": in_parts(measure.ssim, x, x_adv).mean().item(),
    }
    source = f"MNIST test set (rows on photos: {len(y)} ImageNet photos that SqueezeNet 1.0 has right)"
    write("fgsm", numbers, source=source, count=len(pictures.y), seed=0, command="python -m experiments.fgsm_table")


if __name__ == "__main__":
    main()

"""Chapter 09 at full scale: FGSM at eps 0.25 on all 10,000 MNIST test pictures. `python -m experiments.fgsm_table`."""

from __future__ import annotations

from course_utils import attacks, data, measure, models, runtime

from .record import write

EPS = 0.25


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
    write("fgsm-mnist", numbers, source="MNIST test set", count=len(y), seed=0, command="python -m experiments.fgsm_table")


if __name__ == "__main__":
    main()

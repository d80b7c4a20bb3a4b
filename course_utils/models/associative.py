"""Dense associative memory (Krotov and Hopfield 2016): a classifier that compares a picture with stored memories, and trusts the nearest most."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..runtime import check_count, check_positive


def power(x: Tensor, n: int) -> Tensor:
    """x^n for n = 1, 2, 3 ... by repeated squaring: 7 products instead of 29 for n = 30. Exact where `pow` goes through logarithms, and faster."""
    if n == 1:
        return x
    half = power(x, n // 2)
    return half * half if n % 2 == 0 else half * half * x


def rectified_power(x: Tensor, n: int) -> Tensor:
    """F_n(x) = x^n for x > 0, else 0."""
    return power(x.clamp_min(0), n)


class AssociativeMemory(nn.Module):
    """K memories xi_mu, each with 784 pixels and 10 label units in [-1, 1], and the energy E(s) = - sum_mu F_n(xi_mu . s / T), F_n(x) = x^n for x > 0, else 0.

    A state s has the picture's pixels, 2x - 1 in [-1, 1], and its label units. Energy is low near a memory; the higher n, the less others count.
    As a network (`forward`): pixels `[N, C, H, W]` in [0, 1] to class scores `[N, 10]`. In Krotov and Hopfield's terms it has one hidden layer with
    the activation f = F_n', of power n - 1: n = 2 is a layer of ReLUs. "Dense associative memory for pattern recognition", arXiv 1606.01164.

    (xi . s)^30 overflows single precision at about 20; (xi . s / T)^30 does not, as long as T is some hundred. T is a part of the model.
    """

    def __init__(self, n: int, memories: int = 2000, shape: tuple[int, ...] = (1, 28, 28), classes: int = 10, temperature: float = 1.0) -> None:
        super().__init__()
        self.n, self.classes, self.shape = check_count(n, "n", least=2), check_count(classes, "classes", least=2), tuple(shape)
        size = torch.Size(shape).numel()
        self.pixels = nn.Parameter(0.3 * torch.randn(check_count(memories, "memories"), size))
        self.labels = nn.Parameter(0.3 * torch.randn(memories, classes))
        self.register_buffer("temperature", torch.tensor(check_positive(temperature, "temperature", zero=False)))

    coarse = ("pixels",)  # `models.save` keeps these in four bits

    def state(self, x: Tensor, labels: Tensor | float = -1.0) -> Tensor:
        """The pictures as states, `[N, 784 + 10]`: pixels, then label units, all -1 ("no class") unless given."""
        if x.shape[1:] != self.shape:
            raise ValueError(f"the pictures have shape {list(x.shape)}; [N, {', '.join(map(str, self.shape))}] is expected.")
        units = torch.as_tensor(labels, dtype=x.dtype, device=x.device).expand(len(x), self.classes)
        return torch.cat([2 * x.flatten(1) - 1, units], 1)

    def overlaps(self, state: Tensor) -> Tensor:
        """xi_mu . s / T of each state with each memory, `[N, K]`."""
        return state @ torch.cat([self.pixels, self.labels], 1).T / self.temperature

    def energy(self, state: Tensor) -> Tensor:
        """E(s) = - sum_mu F_n(xi_mu . s / T), `[N]`."""
        return -rectified_power(self.overlaps(state), self.n).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        """Each class's score `[N, 10]`: how far the energy falls when its label unit goes from -1 to +1 while the other nine stay at -1.

        The overlap with all label units at -1 is the same for all ten, b_mu; a flipped unit adds 2 xi_mu,a. So 11 powers are enough, not 20:
        score_a = sum_mu [F_n(b_mu + 2 xi_mu,a / T) - F_n(b_mu)]. The update is its tanh; the scores are given without, and keep their slope.
        """
        b = self.overlaps(self.state(x))
        before = rectified_power(b, self.n)
        return torch.stack([(rectified_power(b + 2 * flipped / self.temperature, self.n) - before).sum(1) for flipped in self.labels.T], 1)

    def update(self, x: Tensor) -> Tensor:
        """The label units after one update, c = tanh(scores), `[N, 10]` in [-1, 1]."""
        return self(x).tanh()

    def activations(self, x: Tensor) -> Tensor:
        """What the hidden layer gives, f = F_n'(b_mu) = n b_mu^(n - 1) for b_mu > 0, else 0: `[N, K]`."""
        return self.n * rectified_power(self.overlaps(self.state(x)), self.n - 1)

    def votes(self) -> Tensor:
        """For how many classes each memory votes: how many of its label units are above 0, `[K]`."""
        return (self.labels > 0).sum(1)

    @torch.no_grad()
    def complete(self, x: Tensor, known: Tensor, steps: int = 5) -> Tensor:
        """Pictures `[N, C, H, W]` whose pixels outside of `known` (bool, `[H, W]` or of the pictures' shape) are filled in from the memories.

        All missing pixels at once go to the sign of -dE/ds, `steps` times, from grey; the energy never rises, as -E is convex. Label units stay at 0.
        """
        given = known.to(x.device).expand(x.shape).flatten(1)
        state = self.state(x, 0.0)
        start = state[:, : given.shape[1]]
        now = torch.where(given, start, 0)
        for _ in range(steps):
            pull = rectified_power(self.overlaps(torch.cat([now, state[:, given.shape[1] :]], 1)), self.n - 1) @ self.pixels
            now = torch.where(given, start, pull.sign())
        return (now / 2 + 0.5).view_as(x)

    def extra_repr(self) -> str:
        return f"n={self.n}, memories={len(self.pixels)}, temperature={self.temperature.item():g}"

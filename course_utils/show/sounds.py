"""Players for sounds, which a notebook stores and plays without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from torch import Tensor

from ..transforms import RATE


class Sounds:
    """A player for each waveform of `[N, T]` in [-1, 1], 8,000 samples a second, in two columns, with its title above it."""

    def __init__(self, waves: Tensor, titles: Sequence[str]) -> None:
        if waves.dim() != 2 or len(titles) != len(waves):
            raise ValueError(f"waves has shape {list(waves.shape)} and there are {len(titles)} titles; [N, T] and a title each are expected.")
        if not bool(waves.abs().amax() <= 1):
            raise ValueError(f"the waveforms reach {waves.abs().amax():.3g}; values in [-1, 1] are expected.")
        self.waves, self.titles = waves.detach().float().cpu(), list(titles)

    def __repr__(self) -> str:
        return f"{len(self.titles)} sounds of {self.waves.shape[1] / RATE:.2f} s: {'; '.join(self.titles)}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from IPython.display import Audio  # here, not above: only notebooks play

        players = [f"<td>{escape(title)}<br>{Audio(wave.numpy(), rate=RATE, normalize=False)._repr_html_().strip()}</td>"
                   for title, wave in zip(self.titles, self.waves)]  # fmt: skip
        rows = ["<tr>" + "".join(players[i : i + 2]) + "</tr>" for i in range(0, len(players), 2)]
        return {"text/plain": repr(self), "text/html": f"<table>{''.join(rows)}</table>"}

"""What happens to a picture on its way into a network: light, blur, noise, compression, paper and camera, distance and angle.

Each is a function of pictures `[N, C, H, W]` in [0, 1], batched and differentiable, and gives pictures in [0, 1]. What is left to chance is
drawn for each picture of its own, from `generator=`: one on the CPU means the same on every machine; one on the GPU never leaves it.
"""

from .camera import Lens, geometry, grey_levels, light, photograph, sensor, warp
from .compression import jpeg
from .fitting import askew
from .pixels import add_noise, blur, brightness, contrast
from .road import FOCAL, METRES, driver_view, roadside
from .sound import RATE, cosines, from_waveform, log_mel, mel_energies, mel_filters, mel_frequencies, waveform

__all__ = [
    "FOCAL", "METRES", "Lens", "RATE", "add_noise", "askew", "blur", "brightness", "contrast", "cosines", "driver_view", "from_waveform", "geometry", "grey_levels", "jpeg", "light", "log_mel",
    "mel_energies", "mel_filters", "mel_frequencies", "photograph", "roadside", "sensor", "warp", "waveform",
]  # fmt: skip

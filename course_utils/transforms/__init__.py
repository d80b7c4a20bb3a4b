"""What happens to a picture on its way into a network: light, blur, noise, compression, paper and camera, distance and angle.

Each is a function of pictures `[N, C, H, W]` in [0, 1], batched and differentiable, and gives pictures in [0, 1]. What is left to chance is
drawn for each picture of its own, from `generator=`: one on the CPU means the same on every machine; one on the GPU never leaves it.
"""

from .camera import Lens, geometry, grey_levels, light, photograph, sensor, warp
from .compression import jpeg
from .pixels import add_noise, blur, brightness, contrast
from .road import FOCAL, METRES, driver_view, roadside

__all__ = [
    "FOCAL", "METRES", "Lens", "add_noise", "blur", "brightness", "contrast", "driver_view", "geometry", "grey_levels", "jpeg", "light", "photograph",
    "roadside", "sensor", "warp",
]  # fmt: skip

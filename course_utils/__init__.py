"""The shared package of the course: look inside a convolutional network, fool it, defend it."""

__version__ = "0.1.0"

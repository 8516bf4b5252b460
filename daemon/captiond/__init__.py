"""captiond: watches folders and captions every new image and video."""

__version__ = "0.1.0"

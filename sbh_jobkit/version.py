"""The version, read by the build and by `sbh-jobkit --version`."""

__version__ = "0.1.0"

"""Trains Branchline bundles from folders of good parts."""

__version__ = "0.1.0"

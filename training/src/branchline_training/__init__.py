"""Trains Branchline bundles from folders of good parts."""

import os

# Before onnxruntime is imported: since 1.29 it reports to its maker which models run where.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

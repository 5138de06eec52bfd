"""The doctor: finds out before training what would make a model's figures mean little.

``examine_training`` opens only ``train/good``, so that ``train`` itself can call it;
``examine_test`` looks at the labelled split, too, and is for ``branchline-train doctor``.
"""

from .findings import Finding
from .testing import examine_test
from .training import Signals, examine_training, read_signals

__all__ = ["Finding", "Signals", "examine_test", "examine_training", "read_signals"]

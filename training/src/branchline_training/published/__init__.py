"""Published data sets, in the layouts their authors give them, to the plain layout of dataset.py.

Each layout is a file here that lists the parts of one category; ``writer.py`` writes them.
"""

from .writer import LAYOUTS, import_category

__all__ = ["LAYOUTS", "import_category"]

"""From a bundle to the same bundle with its trunks in half precision, held against fp32."""

from .export import PRECISIONS, Bounds, PrecisionRefused, export_precision
from .report import comparison_table

__all__ = ["PRECISIONS", "Bounds", "PrecisionRefused", "comparison_table", "export_precision"]

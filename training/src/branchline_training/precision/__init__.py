"""From a bundle to the same bundle in smaller numbers: int8 or fp16 trunks, held against fp32."""

from .export import PRECISIONS, Bounds, PrecisionRefused, export_precision
from .report import comparison_table

__all__ = ["PRECISIONS", "Bounds", "PrecisionRefused", "comparison_table", "export_precision"]

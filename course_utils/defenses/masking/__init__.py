"""Is a network robust, or does it hide its gradient? `gradient_masking_report` goes through the list of Athalye 2018."""

from .findings import Check
from .report import MaskingReport, gradient_masking_report

__all__ = ["Check", "MaskingReport", "gradient_masking_report"]

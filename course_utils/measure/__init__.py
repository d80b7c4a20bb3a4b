"""Measuring: accuracy, success of an attack, the size of a change, how sure a share is, and whose pictures fool whom."""

from .basic import (
    Norms, accuracy, accuracy_curve, auc, cka, confidence, destruction_rate, fooling_rate, interval, mean_interval, norms, purity, quantize,
    rank_correlation, right, separability, snr, success_rate,
)  # fmt: skip
from .detection import ROC, alarm_precision, alarm_threshold, auroc, roc
from .precision import mean_average_precision, recall
from .similarity import pass_score, ssim
from .tails import outcomes, tail_ratio, top_share
from .transfer import Transfer, of_rms, transfer_table

__all__ = [
    "Norms", "ROC", "Transfer", "accuracy", "accuracy_curve", "alarm_precision", "alarm_threshold", "auc", "auroc", "cka", "confidence",
    "destruction_rate", "fooling_rate", "interval", "mean_average_precision", "mean_interval", "norms", "of_rms", "outcomes", "pass_score", "purity",
    "quantize", "rank_correlation", "recall", "right", "roc", "separability", "snr", "ssim", "success_rate", "tail_ratio", "top_share",
    "transfer_table",
]  # fmt: skip

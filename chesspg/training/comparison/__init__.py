"""Estimators side by side: runs of equal plies, how strong they became, how noisy their gradients are."""

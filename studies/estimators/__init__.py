"""Estimators of the policy gradient compared."""

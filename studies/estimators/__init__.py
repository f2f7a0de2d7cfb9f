"""A comparison of estimators of the policy gradient."""

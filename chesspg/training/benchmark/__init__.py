"""What the bench measures: the rules, the stages of a training, other libraries at the same work."""

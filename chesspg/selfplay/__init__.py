"""Games that are played many at a time, the plies that they record, and opponents for the learner."""

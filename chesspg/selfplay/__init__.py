"""Games that are played in lockstep, the plies that they record, and opponents for the learner."""

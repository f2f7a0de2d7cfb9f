"""Games played in lockstep, what they record, and opponents for the learner."""

"""What a job sees: the members of `ctx`, written once over small backends."""

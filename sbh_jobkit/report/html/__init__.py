"""The page that a simulation is written to."""

"""One job called once, and everything observed about the run."""

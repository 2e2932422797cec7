"""The kit inside IPython: `%load_ext sbh_jobkit` and its magics."""

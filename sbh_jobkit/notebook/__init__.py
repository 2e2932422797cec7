"""The kit inside IPython: `%load_ext sbh_jobkit`, its magics, and what they know of the notebook."""

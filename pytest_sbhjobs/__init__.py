"""The pytest plugin of sbh-jobkit: fixtures that run a plugin's jobs in a fake tenant."""

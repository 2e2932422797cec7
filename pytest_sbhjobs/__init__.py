"""The pytest plugin of sbh-jobkit: fixtures that run the jobs of a plugin in a fake tenant."""

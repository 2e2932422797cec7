"""A fake tenant in memory, and the faults to inject into it."""

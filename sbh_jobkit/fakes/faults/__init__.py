"""What goes wrong in a fake tenant: injected faults and latency."""

"""What two simulations did differently, effect by effect."""

"""Training on the user's own pictures, as far as it takes no torch: what can be asked for, the pictures, and what a run leaves on disk."""

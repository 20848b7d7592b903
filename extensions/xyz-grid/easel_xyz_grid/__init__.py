"""X/Y/Z grids: one picture for each combination of values along up to three axes."""

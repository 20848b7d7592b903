"""Add-ons from elsewhere: sources, archives made safe, packages resolved, trial in a child, and the store they are kept in."""

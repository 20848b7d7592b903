"""A page for styles."""

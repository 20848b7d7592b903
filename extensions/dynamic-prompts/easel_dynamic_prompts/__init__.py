"""Variants {a|b|c} and __wildcards__ in prompts."""

"""Prompts from a text: a picture for each of its lines."""

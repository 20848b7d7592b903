"""Prompt matrix: what each part of a prompt does, seen side by side."""

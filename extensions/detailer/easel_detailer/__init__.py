"""Finds what is small in a picture, draws it again larger and puts it back."""

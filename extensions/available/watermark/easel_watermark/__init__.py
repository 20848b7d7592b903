"""A few words in the corner of each picture."""

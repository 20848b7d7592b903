"""Long work that makes no picture: downloads, merges, conversions."""

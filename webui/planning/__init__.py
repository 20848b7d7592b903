"""Time (and later memory) estimates as pure arithmetic over measured facts. No torch."""

"""Which model files there are: read from headers and configs only, never the weights. No torch."""

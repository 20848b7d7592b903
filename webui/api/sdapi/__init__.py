"""The HTTP API of AUTOMATIC1111, so that what speaks it speaks with Easel. Over `studio` only; requests become Easel's own."""

"""What changes a loaded checkpoint for a while: LoRAs, embeddings, another VAE. Put on as context managers, taken off exactly."""

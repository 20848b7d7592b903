"""What differs between model families: encoding text, calling the denoiser, latent scaling. Everything else is shared."""

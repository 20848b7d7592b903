"""Easel: a creative studio for Stable Diffusion in the browser. Start reading in `webui.app`."""

__version__ = "0.1.0"

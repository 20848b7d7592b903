"""Training LoRAs. Runs in a process of its own (child.py); `train` in session.py is the plain way in."""

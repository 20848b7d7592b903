"""Torch lives here and only here: from a resolved request to pictures. Reached only through `webui.executors`."""

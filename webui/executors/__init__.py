"""Where the worker lives: a spawned child (local), or painted pictures without a model (fake)."""

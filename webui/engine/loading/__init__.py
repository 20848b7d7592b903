"""From files to components. All or nothing: a checkpoint is loaded whole, or CheckpointUnusable says which file and why."""

"""Checkpoints: the file, what may be built out of one, and what each kind of model has in it."""

"""Settings of training: composed by Hydra from conf/, or read from what a run saved."""

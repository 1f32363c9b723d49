"""Settings of training: composed by Hydra from conf/, or read from the file that a run saved."""

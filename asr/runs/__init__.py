"""A training run from its configuration to its end: what builds, starts, guards, stops and resumes it."""

"""Acoustic features: front end, deltas, statistics."""

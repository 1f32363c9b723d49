"""Acoustic features: front end, statistics, augmentation."""

"""Forced alignment of a text with posteriors: when words are said, which are not, and what else is said."""

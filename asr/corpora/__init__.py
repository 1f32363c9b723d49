"""Corpora: a folder as it comes to Lhotse cuts with the official splits."""

"""Error counts, intervals and reports."""

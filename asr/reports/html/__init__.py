"""The page of a run in one file: HTML with its pictures and sounds in it, which asks nothing of any other place."""

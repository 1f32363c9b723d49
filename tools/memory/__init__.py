"""What recurrent cells remember: a study of memory without speech; ``python -m tools.memory --help``."""

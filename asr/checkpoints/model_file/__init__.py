"""The model file: all that turns speech into text in one zip archive, read without running anything of it."""

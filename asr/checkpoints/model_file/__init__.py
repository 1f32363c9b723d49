"""The model file: everything that turns speech into text in one zip archive; reading it runs no code from it."""

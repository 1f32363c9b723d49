"""The command asr: one file a verb."""

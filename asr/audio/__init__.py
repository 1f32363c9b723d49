"""Audio files to waveforms and back: any format, to its true end, with errors of one line."""

"""What training, and nothing else, does to waveforms and features."""

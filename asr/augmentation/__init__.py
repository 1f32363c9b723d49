"""What training does to waveforms and features, and nothing else ever does."""

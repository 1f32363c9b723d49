"""From one checkpoint and anyone's audio to text."""

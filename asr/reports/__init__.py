"""What runs logged and how they were scored, for people to read."""

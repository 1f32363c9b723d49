"""Reports for people, on what runs logged and how they were scored."""

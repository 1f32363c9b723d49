"""From log-probabilities to hypotheses."""

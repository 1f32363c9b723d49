"""Text: policies, phone sets and token tables."""

"""Language models: n-grams by modified Kneser-Ney, ARPA files, perplexity, n-grams as tensors."""

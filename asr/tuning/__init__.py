"""Weights of decoders and of rescoring, found on a dev set, or crosswise where there is one set only."""

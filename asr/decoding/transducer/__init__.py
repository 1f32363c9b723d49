"""Search with a transducer: greedy, and a beam synchronous with the length of alignments."""

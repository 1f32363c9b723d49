"""Search over the words of a lexicon: its trie, what the arcs weigh, the beams, and the words that they end in."""

"""Finding the weights of decoders and of rescoring on a dev set, or crosswise if there is only one set."""

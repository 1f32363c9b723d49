"""Recognition without torch: front end and greedy decoding in NumPy, the network in onnxruntime."""

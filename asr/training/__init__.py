"""CTC training under Lightning."""

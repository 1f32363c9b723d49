"""Search with CTC and an attention decoder together, token by token."""

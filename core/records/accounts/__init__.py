"""Who signs in, how, and what of it is kept."""

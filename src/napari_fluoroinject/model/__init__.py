"""What the product talks about: frozen, typed values that know NumPy and nothing else."""

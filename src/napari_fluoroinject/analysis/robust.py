"""Spread that single outliers do not lead astray."""

MAD_TO_SIGMA = 1.4826
"""1 sigma of a normal distribution over its median absolute deviation (Hampel 1974, JASA 69)."""

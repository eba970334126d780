"""Agreement on an epoch's randomness."""

"""Proposals and the ballots in them: checks, eligibility, the pool hare draws from."""

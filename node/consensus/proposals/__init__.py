"""Proposals and the ballots in them: checks, eligibility, the pool hare draws from.

In: topic ``pp1``; ballots, proposals and active sets that were fetched.  Out: stored
ballots, votes for the tortoise, proposals for hare, beacons that ballots name.
Source: go-spacemesh, proposals; proposals digest sections 1, 2 and 5 to 9.
"""

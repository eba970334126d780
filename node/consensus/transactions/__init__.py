"""Transactions that are not applied yet: checks, the pool proposals draw from.

In: gossiped and fetched transactions, applied layers.  Out: projected accounts, selections.
Source: go-spacemesh, txs; vm digest section 10, proposals digest section 4.1.
"""

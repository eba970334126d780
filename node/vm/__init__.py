"""Accounts and coins: a layer's transactions and rewards applied to the state.

In: a layer, its ordered transactions, its rewards, and a reader of accounts.  Out: what
became of every transaction, the accounts that changed, the rewards paid and the root of
the state.  Nothing here reads a clock, a database or a network: ``apply`` is a function,
and writing down what it returns is the mesh's business.

Parsing and verifying are apart, because the mempool judges balance and nonce between the
two, and because signatures are most of the work: ``signatures`` collects what a block will
ask for, so that other processes can answer beforehand.

Source: go-spacemesh, genvm; vm and economics digests.
"""

"""Spending keys: mnemonics, derivation, the encrypted wallet file, accounts, signing.

In: words or a wallet file, and a password.  Out: accounts with their addresses, and
signatures over transactions.  Only front ends use this package; a node never holds
spending keys.

Source: smcli 1.0, smkeys 1.0, smapp; keys digest sections 6 to 9.
"""

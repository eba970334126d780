"""Certifiers vouch for hare's output, so that late nodes need not have seen hare.

In: our own hare output, certify messages, certificates of peers.  Out: certificates.
Source: go-spacemesh, blocks/certifier.go; certifier digest.
"""

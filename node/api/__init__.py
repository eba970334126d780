"""The outward face of a node: gRPC services over what the other packages know.

In: requests of wallets, explorers, operators and PoST workers.  Out: their answers, and
streams of what happens.  Reads go to the store, transactions take the path of gossip.

Source: go-spacemesh, api/grpcserver; api digest.
"""

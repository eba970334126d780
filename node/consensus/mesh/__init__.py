"""The layers of the network: makes the state follow the opinion of the tortoise.

``plan`` decides which layers to apply, revert and fetch, from the tortoise's results; the
executor and the service carry that out.

Source: go-spacemesh, mesh; tortoise digest section 13.
"""

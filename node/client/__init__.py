"""What front ends may ask a node, and how to ask one over gRPC.

In: an address.  Out: plain records; nothing of protobuf or gRPC is seen by callers.

Source: api digest section 7.
"""

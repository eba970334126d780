"""The Spacemesh node and every library the front ends share."""

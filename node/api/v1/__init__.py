"""Services of package spacemesh.v1, one module for each."""

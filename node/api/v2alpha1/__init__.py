"""Services of package spacemesh.v2alpha1, one module for each."""

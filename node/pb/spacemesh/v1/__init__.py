"""Package spacemesh.v1."""

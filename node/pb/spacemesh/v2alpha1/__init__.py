"""Package spacemesh.v2alpha1."""

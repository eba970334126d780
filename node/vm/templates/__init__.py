"""The four templates an account can be spawned from; there are no others."""

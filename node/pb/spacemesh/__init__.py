"""The packages of the API."""

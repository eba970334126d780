"""Fetching objects by hash from peers, and answering such requests."""

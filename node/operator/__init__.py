"""Use cases of the front ends, without printing: processes, settings, what to do next.

Inputs: the user's folders and options, a node through its client, facts gathered there.
Outputs: records that a command prints and a screen shows.
"""

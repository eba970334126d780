"""What a process needs of its machine: tasks, workers, files, logs.

Inputs: coroutines and functions of others.  Outputs: their results, in time, in order, on
the disk, or in the log.  Nothing here knows the protocol.

Source: style digest sections 4.7 and 4.11.
"""

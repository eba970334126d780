"""The standalone network on screen: its story, its wallet, its process, how it is shown.

In: the API of a node that is started here.  Out: a live view, lines, or a report.
"""

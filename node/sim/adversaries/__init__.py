"""Nodes that break the protocol, for simulations.

An adversary is a whole node whose end of the network has been tampered with: what it says
is changed, doubled, kept back or drowned in noise, and what it answers is made up.  It has
the node's keys, and everything that it does not do by itself the node does honestly.

    end            the tampered end of the network, and what an adversary is
    signing        signs what a node would never sign
    equivocation   two of everything: ATXs, ballots, hare messages
    activations    ATXs with a wrong PoST, PoET or previous ATX
    voting         withheld ballots, ballots for the weaker side, bad beacons
    noise          malformed bytes, spam by strangers, old messages again
    serving        wrong answers to questions
    registry       all of them by name, and who plays which part
"""

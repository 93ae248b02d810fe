"""Review: what there is to ask a person, in which groups, and the asking on the terminal.

It changes nothing itself: each answer goes through the desk (`daemon/acts.py`).
"""

"""The networks and the trained members of an ensemble, and how they are fed.

Knows no track, no genre by name and no fold.
"""

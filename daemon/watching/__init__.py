"""Which files there are: folders that come and go, hints, walks, what lay there before.

Reads no music.
"""

"""From tracks to a finished ensemble in a model folder: fits, what they start from, their bounds.

Which artists are held out is decided by who asks.
"""

"""What training learns from: tracks, how sample files are heard, copies of them.

Knows no network and no judgement.
"""

"""The life of one file, step by step: read, hear, judge, write; and back.

Only `lifecycle.py` knows the order.
"""

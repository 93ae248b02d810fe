"""What a worker can hear: `probe` (who is this file?) and `analyse` (what is in it?).

Runs in an analysis worker, reached by dotted name. This file itself stays light: the
resident unpickles what it returns, so PyAV, scipy and LiteRT are imported inside.
"""

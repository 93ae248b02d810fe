"""May a challenger take the champion's place? Evidence, gate, the whole proof.

Puts nothing to use and trains nothing.
"""

"""How things look: lines on a terminal, a picture; and no word that is not known.

Decides nothing.
"""

"""From a hearing to a decision, who asks for it anew, and why it was so.

Writes no tag and hears nothing.
"""

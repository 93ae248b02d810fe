"""When and how the model is made to learn: by night, by command, from a library's tags.

Trains nothing itself: that is a process of `core.learning`.
"""

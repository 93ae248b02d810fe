"""The record: what is known of files, tracks, writes and feedback. The only SQL.

Functions take the database and are named as questions and facts; they return frozen
dataclasses, never rows. Paths are kept as the bytes the file system uses.
"""

"""A page for one file: drop it, see its genres and what each part of it sounds like.

Speaks HTTP on this machine only and writes no tag; how a file is judged is injected.
"""

from daemon.web.app import create_app
from daemon.web.server import free_port, serve

__all__ = ["create_app", "free_port", "serve"]

"""How fast it learns its user's taste: simulated libraries and people, the real program."""

"""`python -m daemon` is `genrewatch`."""

from daemon.cli import main

if __name__ == "__main__":
    main()

"""What several benchmarks share, and none of them is: `python -m benchmarks` runs nothing here."""

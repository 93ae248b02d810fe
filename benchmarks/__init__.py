"""Every figure in the README, each as a command: `python -m benchmarks NAME`.

One module a figure, with `main(argv) -> dict`. Nothing here is installed with the program.
"""

"""Every figure in the README, each as a command: `python -m benchmarks NAME`.

One module or package a figure, with `main(argv) -> dict`; what they share lies in `tools`.
Nothing here is installed with the program.
"""

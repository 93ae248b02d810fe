"""One thread for linear algebra in the tests, as in workers and the trainer.

Set before anything imports numpy. Many small fits with two threads each, in two processes on two
cores, wait for one another more than they reckon.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(name, "1")

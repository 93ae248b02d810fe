"""Training, calibration and the gate: runs in the trainer, the only home of TensorFlow.

What TensorFlow reads once, before it is first imported, is set here.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own Keras is set to
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its greetings help nobody
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums in the same order everywhere

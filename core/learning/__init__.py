"""Training, calibration and the gate: runs in the trainer, the only home of TensorFlow."""

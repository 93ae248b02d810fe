"""From words about artists that were not met to honest confidences; numbers alone, no network."""

"""Native kernels of pairloom.kernels."""

"""Compressed gradients: what is sent in place of float32 values, and what is kept to be sent later."""

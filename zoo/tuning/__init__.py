"""Tuning: training a model with many settings, and comparing them on held-out rows."""

"""Inference: a model's answers, its sequences, and its figures over labelled rows."""

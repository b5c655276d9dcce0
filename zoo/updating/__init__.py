"""Updating trained models: retraining on new rows, and ensembles."""

"""Tuning: a model trained with many settings, and what each reaches on rows that are held out."""

"""Training: data and recipe in, a run folder out."""

"""Pictures of what was trained, drawn with matplotlib (the ``plot`` extra)."""

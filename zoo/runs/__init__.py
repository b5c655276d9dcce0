"""Run folders: writing, reading, searching them, and the lineage of their runs."""

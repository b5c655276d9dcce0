"""Run folders: written, read, searched, and where their runs came from."""

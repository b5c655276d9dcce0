"""A model as data: its records, their TOML, and what ``--set`` changes in them."""

"""What a model is, as data: the structs, their TOML, the values that ``--set`` reaches."""

"""A spec for data that nobody has described yet: what they are, what fits them, and why."""

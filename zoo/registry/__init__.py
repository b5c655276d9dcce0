"""Names: how plugins are found, what they register, and how a name becomes the thing it names."""

"""Find plugins, collect what they register, and resolve names."""

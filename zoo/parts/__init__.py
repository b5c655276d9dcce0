"""What models are made of: preprocessors, decoders, heads, and what they share."""

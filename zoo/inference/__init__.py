"""A model that is asked: its answers, sequences, and figures over labelled rows."""

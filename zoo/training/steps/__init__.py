"""Many training steps in one call of the backend; ``ZOO_PLAIN=1`` turns them off."""

"""Networks: the backend is chosen, then they are built, filled with weights and computed."""

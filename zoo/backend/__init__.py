"""Choose the backend; build networks, fill them with weights and compute them."""

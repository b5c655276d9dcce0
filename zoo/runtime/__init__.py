"""Running networks: choosing backend and device, building, loading weights, computing."""

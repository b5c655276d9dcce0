"""Onset of diabetes in torch, with the training loop written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

TABLE = Path(__file__).parents[2] / "plugins" / "zoo_tabular" / "data" / "pima_diabetes.csv"
rows = torch.from_numpy(np.loadtxt(TABLE, "float32", delimiter=",", skiprows=1))
x, y = rows[:, :8], rows[:, 8:]
network = torch.nn.Sequential(
    torch.nn.Linear(8, 12), torch.nn.ReLU(),
    torch.nn.Linear(12, 8), torch.nn.ReLU(),
    torch.nn.Linear(8, 1), torch.nn.Sigmoid(),
)  # fmt: skip
optimizer = torch.optim.Adam(network.parameters())
loss_of = torch.nn.BCELoss()
for _ in range(150):
    for batch in torch.randperm(len(x)).split(10):
        optimizer.zero_grad()
        loss_of(network(x[batch]), y[batch]).backward()
        optimizer.step()
print(((network(x) > 0.5) == (y > 0.5)).float().mean().item())

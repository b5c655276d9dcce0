"""Plots of models and trainings, drawn with matplotlib (the ``plot`` extra).

``curves`` and ``overlay`` draw learning curves; ``confusion`` and ``scatter`` what a model gets
right; ``diagram`` the layers of a network, which ``layers`` reads and ``grid`` places; ``samples``
a sheet of images. ``style`` and ``spread`` are shared.
"""

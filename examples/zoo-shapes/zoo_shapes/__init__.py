"""Circles, squares and triangles: a model that tells them apart, and pictures to train it on."""

import zoo


@zoo.hookimpl
def register_models(register):
    register("shapes.toml")


@zoo.hookimpl
def register_commands(register):
    register("draw-shapes", "zoo_shapes.drawing:command")

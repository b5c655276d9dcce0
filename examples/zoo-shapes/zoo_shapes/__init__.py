"""A model that classifies circles, squares and triangles, and a command that draws them."""

import zoo


@zoo.hookimpl
def register_models(register):
    register("shapes.toml")


@zoo.hookimpl
def register_commands(register):
    register("draw-shapes", "zoo_shapes.drawing:command")

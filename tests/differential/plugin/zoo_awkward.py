"""Networks that a plugin author may write, and that a fast path may get wrong."""

import zoo


@zoo.hookimpl
def register_architectures(register):
    register("network", "zoo_awkward_networks:network")

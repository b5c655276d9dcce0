"""Fast paths of inference, which ``ZOO_PLAIN=1`` turns off: cached networks, OpenVINO.

The rest of zoo calls only what is in this file, and could do without it: `zoo.backend.runner`
computes every network that Keras can compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.accel.kept import NetworkCache
from zoo.backend.choose import chosen_backend
from zoo.backend.runner import Runner, inputs_of

__all__ = ["NetworkCache", "cached_runner", "make_runner"]


def make_runner(network: Any) -> Runner:
    """Return a network's runner: on OpenVINO its compiled graph, else Keras's."""
    if chosen_backend() != "openvino":
        return Runner(network)
    from zoo.accel.openvino import compile_graph

    return Runner(network, compile_graph(network, inputs_of(network)))


def cached_runner(
    cache: NetworkCache, architecture: Callable[[], Callable[[], Any]], runner: Callable[[], Runner]
) -> Runner | None:
    """Return the runner of a cached network; if there is none, cache it for later processes.

    Parameters
    ----------
    cache
        The network's cache.
    architecture
        Returns the function that builds the network.
    runner
        Returns the runner of this process's network, with its weights.

    Returns
    -------
    Runner or None
        None if nothing was cached.
    """
    from zoo.backend.network import build, fill_placeholders

    if not cache.usable:
        return None
    if network := cache.restore():
        return Runner(network, network.call)
    make = architecture()
    if data := cache.serialize(lambda: fill_placeholders(build(make, initialise=False))):
        cache.store(data, runner())
    return None

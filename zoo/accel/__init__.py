"""What only makes answers faster, and ``ZOO_PLAIN=1`` turns off: kept networks, OpenVINO.

The rest of zoo calls what is in this file and could do without it: `zoo.backend.runner` computes
every network that Keras can compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.accel.kept import Place
from zoo.backend.choose import chosen_backend
from zoo.backend.runner import Runner, inputs_of

__all__ = ["Place", "kept_runner", "runner_of"]


def runner_of(network: Any) -> Runner:
    """Return what computes a network: OpenVINO's graph of it on that backend, else Keras."""
    if chosen_backend() != "openvino":
        return Runner(network)
    from zoo.accel.openvino import compiled

    return Runner(network, compiled(network, inputs_of(network)))


def kept_runner(
    place: Place, architecture: Callable[[], Callable[[], Any]], own: Callable[[], Runner]
) -> Runner | None:
    """Return the computation that an earlier process kept, or keep it for later ones.

    Parameters
    ----------
    place
        Where it is kept.
    architecture
        Returns the function that builds the network.
    own
        Returns what computes the network of this process, with its own weights.

    Returns
    -------
    Runner or None
        None where nothing was kept.
    """
    from zoo.backend.network import build, with_any_values

    if not place.usable:
        return None
    if network := place.restored():
        return Runner(network, network.call)
    make = architecture()
    if written := place.written(lambda: with_any_values(build(make, initialise=False))):
        place.keep(written, own())
    return None

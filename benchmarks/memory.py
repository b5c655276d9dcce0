"""Peak memory of classifying one photo with VGG16, divided by the bytes of its weights.

The weights are random, in a file with the structure of the published one.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run

MUG = Path(__file__).parents[1] / "examples" / "mug.png"


def write_random_vgg16(path: Path) -> None:
    """Write a legacy file of random VGG16 weights."""
    import h5py
    import numpy as np

    import zoo
    from zoo.backend.network import build, slots

    network = build(zoo.get_model("vgg16", weights=None).architecture(), initialise=False)
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        places = [slot for slot, _ in slots(network)]
        layers = list(dict.fromkeys(place.layer for place in places))
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            in_layer = [place for place in places if place.layer == layer]
            names = [f"{layer}_{'Wb'[place.index]}_1:0" for place in in_layer]
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, place in zip(names, in_layer, strict=True):
                group[name] = (rng.random(place.shape, dtype=np.float32) - 0.5) / 50


def main() -> None:
    """Print the ratio of a complete process on each backend."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg16.h5"
        # A child's peak includes what its parent held, so this process must stay small.
        run([sys.executable, __file__, str(path)])
        size = path.stat().st_size
        command = [*ZOO, "classify", str(MUG), "-m", "vgg16", "--weights", str(path)]
        for backend, title, aim in (("jax", "JAX", 2.0), ("openvino", "OpenVINO", None)):
            if importlib.util.find_spec(backend) is None:
                continue
            run(command, {"KERAS_BACKEND": backend})  # the first run builds the network
            peak = run(command, {"KERAS_BACKEND": backend}).peak
            work = f"peak memory of zoo classify -m vgg16 on {title}"
            report(Ratio(work, "the bytes of its weights", peak / size, aim))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_random_vgg16(Path(sys.argv[1]))
    else:
        main()

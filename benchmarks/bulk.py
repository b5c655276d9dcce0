"""Classify many photos: zoo against hand-written loops on OpenVINO and ONNX Runtime, in float32.

``bulk.py [PHOTOS [VGG16-PHOTOS]]`` with the photos of ``ZOO_TEST_DATA``, cropped and recompressed.
The peers' models are converted once, which is not timed: OpenVINO's is zoo's own graph, and ONNX
Runtime's is what ``keras.Model.export`` writes with torch and onnxscript.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run, side_by_side

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ZOO_TEST_DATA", HERE.parents[1] / "shared" / "data")) / "images"
COPIES = 10

CONVERT = """
import sys
import openvino, zoo
from zoo.accel.openvino import draw_graph
from zoo.backend.runner import inputs_of
network = zoo.get_model(sys.argv[1], weights=sys.argv[2]).keras
openvino.save_model(draw_graph(network, inputs_of(network))[0], sys.argv[3], compress_to_fp16=False)
"""

EXPORT = """
import sys
import numpy as np
import zoo
network = zoo.get_model(sys.argv[1], weights=sys.argv[2]).keras
network(np.zeros((1, *network.input_shape[1:]), "float32"))  # Keras exports called networks only
network.requires_grad_(False)  # a trace refuses trainable constants
network.export(sys.argv[3], format="onnx", verbose=False)
"""


def write_photos(folder: Path, count: int) -> None:
    """Write `count` JPEGs of 640 x 427, each a different part of a real photo."""
    from PIL import Image

    photos = [
        Image.open(DATA / name).convert("RGB")
        for name in ("coffee.png", "chelsea.png", "rocket.jpg")
    ]
    draw = random.Random()  # different photos every time
    for number in range(count):
        photo = photos[number % len(photos)]
        share = draw.uniform(0.6, 1.0)
        width, height = (int(share * side) for side in photo.size)
        left, top = (
            draw.randrange(photo.width - width + 1),
            draw.randrange(photo.height - height + 1),
        )
        part = photo.crop((left, top, left + width, top + height))
        part.resize((640, 427), Image.Resampling.BICUBIC).save(
            folder / f"{number:05}.jpg", quality=90
        )


def convert(code: str, backend: str, *arguments: str | Path) -> bool:
    """Write a peer's model; return whether that was possible."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print((done.stderr.strip().splitlines() or ["no reason given"])[-1][:200], file=sys.stderr)
    return done.returncode == 0


def compare(name: str, weights: str, mode: str, photos: Path, folder: Path) -> list[Ratio]:
    """Return the ratio of zoo's time to each peer's."""
    zoo = [*ZOO, "classify", str(photos), "-m", name, "--weights", weights, "--format", "jsonl"]
    commands = {"zoo": [*zoo, "-o", str(folder / "out.jsonl"), "--backend", "openvino"]}
    for runtime, code, backend, suffix in (
        ("openvino", CONVERT, "openvino", "xml"),
        ("onnxruntime", EXPORT, "torch", "onnx"),
    ):
        model = folder / f"{name}.{suffix}"
        if convert(code, backend, name, weights, model):
            peer = [sys.executable, str(HERE / "peers" / "bulk_loop.py"), runtime]
            commands[runtime] = [*peer, str(model), str(photos), mode]
    medians = side_by_side(commands, times=3)
    work = f"zoo classify -m {name}, {len(list(photos.iterdir()))} photos"
    zoo_time = medians.pop("zoo")
    best = min(medians.values(), default=0.0)
    return [
        Ratio(work, f"a loop on {runtime}", zoo_time / seconds, 1.15 if seconds == best else None)
        for runtime, seconds in medians.items()
    ]


def main() -> None:
    """Print the ratios of times, and the growth of memory."""
    counts = [int(text) for text in sys.argv[1:]]
    count, few = [*counts, *(2000, 200)[len(counts) :]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, size in (("photos", count), ("few", few), ("many", 0)):
            (folder / part).mkdir()
            run([sys.executable, __file__, "--photos", str(folder / part), str(size)])
        report(*compare("efficientnet-lite0", "imagenet", "lite", folder / "photos", folder))
        if few:
            vgg16 = folder / "vgg16.h5"
            run([sys.executable, str(HERE / "memory.py"), str(vgg16)])
            report(*compare("vgg16", str(vgg16), "caffe", folder / "few", folder))
        for photo in (folder / "photos").iterdir():
            for copy in range(COPIES):
                os.link(photo, folder / "many" / f"{photo.stem}-{copy}.jpg")
        out = str(folder / "out")
        peaks = [
            run([*ZOO, "classify", str(folder / part), "-o", out, "--backend", "openvino"]).peak
            for part in ("photos", "many")
        ]
        work = f"peak memory of zoo classify, {COPIES * count} photos"
        report(Ratio(work, f"that of {count} photos", peaks[1] / peaks[0], 1.1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--photos"]:
        write_photos(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

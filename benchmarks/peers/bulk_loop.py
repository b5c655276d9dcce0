"""Classify a folder with a hand-written loop: pooled decoding, float32, batches.

``bulk_loop.py onnxruntime|openvino MODEL FOLDER MODE``; prints the best class of each image.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

BATCH = 8
SIDE = 224


def read(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        image = file.convert("RGB")
    width, height = image.size
    side = int(0.875 * min(width, height))
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    box = (left, top, left + side, top + side)
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
    if sys.argv[4] == "caffe":
        return pixels[..., ::-1].astype(np.float32) - np.array(
            (103.939, 116.779, 123.68), np.float32
        )
    return (pixels.astype(np.float32) - np.float32(127)) / np.float32(128)


def batches(pool: ThreadPoolExecutor, files: list[Path]):
    waiting: deque = deque()
    for start in range(0, len(files), BATCH):
        waiting.append([pool.submit(read, file) for file in files[start : start + BATCH]])
        if len(waiting) > 3:
            yield np.stack([future.result() for future in waiting.popleft()])
    for pending in waiting:
        yield np.stack([future.result() for future in pending])


def with_onnxruntime(model: str, source) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [session.run(None, {name: batch})[0].argmax(-1) for batch in source]


def with_openvino(model: str, source) -> list[np.ndarray]:
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    compiled = openvino.compile_model(model, "CPU", options)
    best: dict[int, np.ndarray] = {}
    requests = openvino.AsyncInferQueue(compiled)
    requests.set_callback(
        lambda request, number: best.update({number: request.get_output_tensor().data.argmax(-1)})
    )
    for number, batch in enumerate(source):
        requests.start_async([batch], number)
    requests.wait_all()
    return [best[number] for number in sorted(best)]


def main() -> None:
    runtime, model, folder, _ = sys.argv[1:]
    compute = {"onnxruntime": with_onnxruntime, "openvino": with_openvino}[runtime]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        best = compute(model, batches(pool, sorted(Path(folder).iterdir())))
    print(*np.concatenate(best).tolist(), sep="\n")


if __name__ == "__main__":
    main()

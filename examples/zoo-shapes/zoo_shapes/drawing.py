"""Images to train on, and the command ``zoo draw-shapes`` that writes them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from PIL.Image import Image

CORNERS = {"circle": 60, "square": 4, "triangle": 3}
"""Every shape is a regular polygon; sixty corners look round."""

SIDE = 64
"""Height and width of an image, in pixels."""


def draw(shape: str, rng: random.Random) -> Image:
    """Draw a shape of random size, place, angle and colour, light on dark or the reverse.

    Parameters
    ----------
    shape
        A key of `CORNERS`.
    rng
        Source of the random choices.
    """
    from PIL import Image, ImageDraw

    dark, light = ([rng.randint(low, low + 95) for _ in "rgb"] for low in (0, 160))
    paper, ink = rng.sample([tuple(dark), tuple(light)], 2)
    radius = rng.uniform(16, 28)
    x, y = (rng.uniform(radius, SIDE - radius) for _ in "xy")
    image = Image.new("RGB", (SIDE, SIDE), paper)
    ImageDraw.Draw(image).regular_polygon(
        (x, y, radius), CORNERS[shape], rotation=rng.randrange(360), fill=ink
    )
    return image


def draw_folder(folder: Path, count: int, seed: int = 0) -> None:
    """Write `count` images of each shape, one subfolder per shape; a seed repeats them."""
    rng = random.Random(seed)
    for shape in CORNERS:
        (folder / shape).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw(shape, rng).save(folder / shape / f"{number:04}.png")


@click.command(name="draw-shapes")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1), default=200, help="Images per shape.")
@click.option("--seed", type=int, default=0, help="Seed; the same one repeats the images.")
def command(folder: Path, count: int, seed: int) -> None:
    """Draw circles, squares and triangles into DIR, one subfolder per shape."""
    draw_folder(folder, count, seed)
    click.echo(f"{count * len(CORNERS)} images: {folder}")

"""The tables that recipes of this package learn from."""

from __future__ import annotations

from collections.abc import Iterator

import zoo

UCI = "https://archive.ics.uci.edu/"


def datasets() -> Iterator[zoo.Dataset]:
    """Yield a record for each table."""
    yield zoo.Dataset(
        name="pima",
        summary="Pima Indians diabetes, 768 women, 8 measurements, onset within five years",
        file=_shipped(
            "pima_diabetes", "9bd206ca9fa56e1e0e06fee6496e9323c78dbef651cf61a54508b70d745cded2"
        ),
        content="0f4e4b4020cd046120a88cff4bb99a3b8807c40699876b0d5ec7f67d29310221",
        target="outcome",
        columns=(
            "pregnancies", "glucose", "blood_pressure", "skin_thickness",
            "insulin", "bmi", "pedigree", "age",
        ),
        licence="none stated at the source",
        citation="Smith et al., Using the ADAP learning algorithm to forecast the onset of "
        "diabetes mellitus, 1988; given to UCI by V. Sigillito, 1990",
        sources=(UCI + "ml/machine-learning-databases/pima-indians-diabetes/",),
    )  # fmt: skip
    yield zoo.Dataset(
        name="boston",
        summary="Boston housing, 506 districts in 1970, 13 measurements, median value; its column "
        "B encodes race and is ethically contested",
        file=_shipped(
            "boston_housing", "79ac716620024011b03c0c44d2bf99069b8173649181926d9109c25475a3804c"
        ),
        content="6f0cd004084d04a3d3b18d708917a9ef2055cd3713947e5100c77ce4270df678",
        target="MEDV",
        test=zoo.Split(held=102, seed=113),
        licence="none stated at the source",
        citation="Harrison and Rubinfeld, Hedonic prices and the demand for clean air, 1978",
        sources=("http://lib.stat.cmu.edu/datasets/boston",),
    )
    yield zoo.Dataset(
        name="wine",
        summary="Quality of 1599 red wines, 11 measurements",
        file=_shipped(
            "wine_quality_red", "b51c8ee6ca1f66473bd98042780da9ce3eceaf6fe113441e8f2c3ee593b02318"
        ),
        content="180fca4ad59a8f11a492e62d3dd51fe273c906b185eb667f447674b54cf1bb52",
        target="quality",
        licence="CC BY 4.0",
        citation="Cortez et al., Modeling wine preferences by data mining, 2009",
        sources=(UCI + "dataset/186/wine+quality",),
    )
    yield zoo.Dataset(
        name="ionosphere",
        summary="351 radar returns from the ionosphere, 34 numbers each, good or bad",
        file=_shipped(
            "ionosphere", "c3c36b692d178f83a1dc212112fa2c703a8b236a60b7146bf969e43b19efd3e1"
        ),
        content="a692e451acc212a3a82b71f311c9e3b6bda4e4551085908136a1c67e65946b3c",
        target="class",
        licence="CC BY 4.0",
        citation="Sigillito et al., Classification of radar returns from the ionosphere, 1989",
        sources=(UCI + "dataset/52/ionosphere",),
    )
    yield zoo.Dataset(
        name="cereals",
        summary="77 breakfast cereals; to be added from a file of your own",
        file=zoo.FileRecord(
            sha256="9a0f5d93df28536e8c372b529f533f587cceb872c61f313a13314cd404ef12a8"
        ),
        content="cd525b689cff37828aa0866c689e392b76de366b9ac7263375035225f2ee950b",
        target="calories",
        licence="CC BY-SA 3.0",
        citation="StatLib and ASA 1993 Data Expo",
        sources=("https://www.kaggle.com/datasets/crawford/80-cereals",),
    )
    for half, file, content in (
        (
            "",
            "1f2beb195b066f6aaa82b8019f122a70446db3d1ac3f8ae49512917193d97504",
            "ef2057dd552ad4b724a8740f0c48f3df914af75196460a6e1c4879a37300c053",
        ),
        (
            "-new",
            "34a656c5ea26995b849a192777617bd128c901c87da68b59580e7fb6d61da626",
            "82e6027b8bfc2934d20a3495a5188271db314528fa4cd8ff5c179ca81803f122",
        ),
    ):
        yield zoo.Dataset(
            name=f"synthetic{half}",
            summary=f"500 made-up rows of two classes, the {'new' if half else 'old'} half",
            file=_shipped(f"synthetic_{'new' if half else 'old'}", file),
            content=content,
            target="class",
            licence="Apache-2.0",
        )


def _shipped(name: str, sha256: str) -> zoo.FileRecord:
    return zoo.FileRecord(file=f"data/{name}.csv", sha256=sha256)

"""Tables: preprocessing, multi-layer perceptrons, and the data they are known for."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the table models."""
    register("models/mlp-pima.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Name the functions that build the networks."""
    register("mlp", "zoo_tabular.mlp:mlp")


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Name what turns rows into tensors."""
    register("columns", "zoo_tabular.columns:Columns")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Name what turns outputs into classes and numbers."""
    register("binary", "zoo.decoders:Binary")
    register("classes", "zoo.decoders:Classes")
    register("value", "zoo.decoders:Value")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the tables that come with this package."""
    register(
        zoo.Dataset(
            name="pima",
            summary="Pima Indians diabetes, 768 women, 8 measurements, onset within five years",
            file=zoo.FileRecord(
                file="data/pima_diabetes.csv",
                sha256="9bd206ca9fa56e1e0e06fee6496e9323c78dbef651cf61a54508b70d745cded2",
            ),
            target="outcome",
            columns=(
                "pregnancies", "glucose", "blood_pressure", "skin_thickness",
                "insulin", "bmi", "pedigree", "age",
            ),
            licence="none stated at the source",
            citation="Smith et al., Using the ADAP learning algorithm to forecast the onset of "
            "diabetes mellitus, 1988; given to UCI by V. Sigillito, 1990",
            sources=("https://archive.ics.uci.edu/ml/machine-learning-databases/pima-indians-diabetes/",),
        )
    )  # fmt: skip

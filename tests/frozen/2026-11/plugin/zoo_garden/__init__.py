"""A plugin that implements every hook."""

import os

import zoo


@zoo.hookimpl
def register_models(register):
    register("leaves.toml")
    register(
        zoo.ModelSpec(
            name="leaf-widths",
            task="tabular-regression",
            summary="Width of a leaf from its length",
            architecture=zoo.Component("tabular/mlp", hidden=[4]),
            input=zoo.Component("tabular/columns", columns=["length"], scale="standard"),
            output=zoo.Component("tabular/value", unit="mm", scale="standard"),
            training=zoo.Training(
                dataset="leaves", target="width", loss="mse", optimizer="adam", epochs=3
            ),
        )
    )


@zoo.hookimpl
def register_architectures(register):
    register("dense", "zoo_garden.network:dense")


@zoo.hookimpl
def register_preprocessors(register):
    register("leaf", "zoo_garden.parts:Leaf")


@zoo.hookimpl
def register_decoders(register):
    register("plant", "zoo_garden.parts:Plant")


@zoo.hookimpl
def register_datasets(register):
    register(
        zoo.Dataset(
            name="leaves",
            summary="60 invented leaves of three plants",
            file=zoo.FileRecord(file="leaves.csv"),
            target="plant",
            licence="CC0-1.0",
        )
    )


@zoo.hookimpl
def register_commands(register):
    register("plants", "zoo_garden.command:command")


@zoo.hookimpl
def training_started(run):
    tell(f"started {run.spec.name}")


@zoo.hookimpl
def epoch_ended(epoch, logs):
    tell(f"epoch {epoch}: {', '.join(sorted(logs))}")


@zoo.hookimpl
def training_finished(run):
    tell(f"finished {run.path.name}")


def tell(line):
    if path := os.environ.get("GARDEN_LOG"):
        with open(path, "a", encoding="utf-8") as file:
            print(line, file=file)

"""Networks whose outputs a fast path may get wrong, each a model of its own."""

import zoo

KINDS = (
    "dense", "two-calls", "mask", "recurrent", "mixed", "at-inference", "batch-coupled",
    "constant", "built-from-weights", "normalized-batch", "finalized", "normalization", "counter",
    "noise", "undeclared",
)  # fmt: skip


@zoo.hookimpl
def register_architectures(register):
    register("network", "zoo_answers_networks:network", pure=True)
    register("undeclared", "zoo_answers_networks:undeclared")


@zoo.hookimpl
def register_models(register):
    for kind in KINDS:
        declared = kind != "undeclared"
        uses = zoo.Component("network", kind=kind) if declared else zoo.Component("undeclared")
        register(
            zoo.ModelSpec(
                name=f"answers-{kind}",
                task="tabular-regression",
                architecture=uses,
                input=zoo.Component("tabular/columns", columns=["a", "b", "c", "d"]),
                output=zoo.Component("tabular/value"),
            )
        )

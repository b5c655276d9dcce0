"""Texts: preprocessing, classifiers, and the two data sets they are known for."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]

KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi",
    "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip
"""Topics of the Reuters newswires, in the order of Keras's labels."""


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the text models."""
    for name in ("lstm-imdb", "mlp-imdb", "mlp-reuters"):
        register(f"models/{name}.toml")


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Name what turns texts into tensors."""
    register("multi-hot", "zoo_text.multi_hot:MultiHot")
    register("padded", "zoo_text.padded:Padded")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the texts that Keras publishes as word numbers; none comes with this package."""
    register(
        zoo.Dataset(
            name="imdb",
            summary="50,000 film reviews, half of them for training, positive or negative",
            kind="tokens",
            file=zoo.FileRecord(
                urls=(f"{KERAS}imdb.npz",),
                sha256="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
            ),
            content="24e15b0c70c37db530f82653782e5c32e66e25e3ea21208534d1da15e5e2fa68",
            words=zoo.FileRecord(
                urls=(f"{KERAS}imdb_word_index.json",),
                sha256="027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6",
                md5="bfafd718b763782e994055a2d397834f",
            ),
            labels=("negative", "positive"),
            shuffle=113,
            licence="none stated at the source",
            citation="Maas et al., Learning word vectors for sentiment analysis, 2011",
            sources=("https://ai.stanford.edu/~amaas/data/sentiment/",),
        )
    )
    register(
        zoo.Dataset(
            name="reuters",
            summary="11,228 newswires of 1987 on 46 topics, the last 2,246 for testing",
            kind="tokens",
            file=zoo.FileRecord(
                urls=(f"{KERAS}reuters.npz",),
                sha256="d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
            ),
            content="a1dfc85b4972133f6ffdb46c0cca08a34c3a8324ac17747c5e07781817e1c347",
            words=zoo.FileRecord(
                urls=(f"{KERAS}reuters_word_index.json",),
                sha256="9b56000edc4b34a32e89fd5a23b2605594682c74efcf7d8f4e2a5514b771e633",
                md5="4d44cc38712099c9e383dc6e5f11a921",
            ),
            labels=TOPICS,
            test=zoo.Split(held=2246, seed=113),
            licence="for research purposes only",
            citation="Lewis, Reuters-21578 text categorization test collection, 1997",
            sources=("https://www.daviddlewis.com/resources/testcollections/reuters21578/",),
        )
    )

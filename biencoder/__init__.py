"""Training and evaluation of a bi-encoder that retrieves the best counter-argument.

>>> from biencoder import Config, RunError, load, train
>>> Config(variant="without_relu").relu
False
>>> result = train(Config(run_id="first", max_length=64))  # on the sample corpus: a minute
run first ...
>>> retriever = load(result.checkpoint)
>>> (hits,) = retriever.retrieve(["Homework should be abolished."], top=3)
>>> len(hits)
3
>>> try:
...     load("second")
... except RunError as error:
...     print(error)
second: no checkpoint there, ...
"""

import sys

if sys.argv[:1] == ["-m"]:  # python -m biencoder: what is not installed is named in one line
    import commandline  # noqa: F401

from typing import TYPE_CHECKING, Any

from biencoder.api import Result, load, train
from biencoder.config import Config
from biencoder.errors import RunError

if TYPE_CHECKING:
    from biencoder.retrieval.retriever import Hit, Retriever

__all__ = ["Config", "Hit", "Result", "Retriever", "RunError", "load", "train"]


def __getattr__(name: str) -> Any:
    """Import what imports torch when it is first asked for."""
    if name in ("Hit", "Retriever"):
        from biencoder.retrieval import retriever

        return getattr(retriever, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

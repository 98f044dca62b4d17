from collections.abc import Callable

import pytest
from handmade import make_model

from biencoder.model import BiEncoder


@pytest.fixture
def model() -> Callable[..., BiEncoder]:
    """A function that makes a `BiEncoder` from its switches."""
    return make_model

"""Fully connected neural networks: train, predict, ship.

    import reshet
    model = reshet.train(df, target="price")   # a DataFrame, or the path of a CSV file
    model.predict(df)
    model.save("model.safetensors")            # the program `reshet` reads it

    model = reshet.train(X, y, hidden=(100,), epochs=10)      # arrays
    reshet.load("runs/mnist-1").predict_proba(X)              # a file, or a run's folder

Batch by batch, as a game's agent learns: `Net`, with `ReplayBuffer`.
For scikit-learn: `ReshetClassifier` and `ReshetRegressor`.
"""

from typing import TYPE_CHECKING

from ._model import Model, _unpickled, load  # noqa: F401  (pickles name _unpickled)
from ._reshet import Net, ReplayBuffer, __version__
from ._train import train

if TYPE_CHECKING:
    from .estimators import ReshetClassifier, ReshetRegressor

__all__ = ["Batch", "Model", "Net", "ReplayBuffer", "ReshetClassifier", "ReshetRegressor", "load",
           "train", "__version__"]

for _public in (Model, load, train):
    _public.__module__ = "reshet"


def __getattr__(name):
    # scikit-learn is imported only if it is used.
    if name in ("ReshetClassifier", "ReshetRegressor"):
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module 'reshet' has no attribute '{name}'")


class Batch(dict):
    """What a `ReplayBuffer` gives: an array a name, as `batch.state` or `batch["state"]`."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self)
            raise AttributeError(f"nothing is called {name}; there are {known}") from None

import os

import pytest


def _program():
    """The program, if it has been built (RESHET: its path)."""
    root = os.path.join(os.path.dirname(__file__), "..", "..", "target")
    places = [os.environ.get("RESHET"),
              *(os.path.join(root, p, "reshet") for p in ("release", "debug"))]
    return next((p for p in places if p and os.path.exists(p)), None)


@pytest.fixture(scope="session")
def program():
    path = _program()
    if path is None:
        pytest.skip("the program is not built")
    return path

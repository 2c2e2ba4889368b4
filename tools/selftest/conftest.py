"""What all of lbcert's own tests share."""

import pytest
from hypothesis import settings

# A machine that boots labs beside the tests is slow at times: that is no finding.
settings.register_profile("lbcert", deadline=None)
settings.load_profile("lbcert")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests with labs to one worker of pytest-xdist; others take the rest meanwhile (`--dist=loadgroup`)."""
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.xdist_group("lab"))

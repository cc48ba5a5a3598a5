"""The same tests for each store that a URL names."""

import pytest
from store_tests import ServerTests, StoreTests


@pytest.mark.parametrize("server_name", ["sqlite"])
class TestFile(StoreTests):
    pass


@pytest.mark.parametrize("server_name", ["postgresql", "mariadb", "redis"])
class TestServers(ServerTests):
    pass

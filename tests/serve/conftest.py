import pytest
from paging import browser, oak, page, woods  # noqa: F401 -- fixtures of the page's tests
from serving import running


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("runs"), names=("tiny", "raw")) as server:
        yield server


@pytest.fixture(scope="session")
def client(server):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client

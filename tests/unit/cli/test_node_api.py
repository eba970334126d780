"""Which node a command asks, and whether it is of the right network."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.context import Context
from cli.errors import ExitCode
from cli.node_api import Endpoints, find_endpoints, open_api
from cli.options import Options
from node.base.errors import PreconditionError, UnavailableError
from node.operator.node_record import NodeRecord, mark_process, write_record
from node.types.ids import GenesisID
from tests.support.cli import FakeConnector, make_context, run_cli
from tests.support.fake_api import FakeApi, make_network
from tests.support.vm_network import GENESIS_ID

ADDRESS = "standalone1qqqqqqp3qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvqtwcg"


def chosen(home: Path, environment: dict[str, str] | None = None, **options: object) -> Context:
    context = make_context(home, environment=environment)
    context.begin("x", Options(**options), streams=False)  # type: ignore[arg-type]
    return context


@pytest.fixture
def running(tmp_path: Path) -> Callable[[str, dict[str, str]], None]:
    """Records nodes that run: this very process stands for them."""

    def record(name: str, addresses: dict[str, str]) -> None:
        folder = tmp_path / "state" / "nodes" / name
        folder.mkdir(parents=True)
        mark = mark_process(os.getpid())
        write_record(
            folder,
            NodeRecord(name=name, command=(), started_ns=0, supervisor=mark, addresses=addresses),
        )

    return record


def test_options_come_before_everything(
    tmp_path: Path, running: Callable[[str, dict[str, str]], None]
) -> None:
    running("mainnet", {"public": "127.0.0.1:1"})
    (tmp_path / "config.toml").write_text('[smcli]\nnode = ["c:3"]\nprivate = "c:4"\n')
    environment = {"SMCLI_NODE": "b:1, b:2", "SMCLI_NODE_PRIVATE": "b:3"}

    assert find_endpoints(chosen(tmp_path, environment, node=("a:1",), private="a:2")) == Endpoints(
        public=("a:1",), private="a:2"
    )
    assert find_endpoints(chosen(tmp_path, environment)) == Endpoints(
        public=("b:1", "b:2"), private="b:3"
    )
    assert find_endpoints(chosen(tmp_path)) == Endpoints(public=("c:3",), private="c:4")


def test_the_node_that_runs_here_is_asked(
    tmp_path: Path, running: Callable[[str, dict[str, str]], None]
) -> None:
    addresses = {"public": "0.0.0.0:10092", "private": "127.0.0.1:10093", "post": "[::]:7"}
    running("standalone", addresses)
    found = Endpoints(public=("127.0.0.1:10092",), private="127.0.0.1:10093", post="127.0.0.1:7")
    assert find_endpoints(chosen(tmp_path)) == found
    other = find_endpoints(chosen(tmp_path, private="x:1"))
    assert (other.public, other.private) == (found.public, "x:1")


def test_of_several_nodes_one_has_to_be_chosen(
    tmp_path: Path, running: Callable[[str, dict[str, str]], None]
) -> None:
    running("mainnet", {"public": "127.0.0.1:1"})
    running("testnet", {"public": "127.0.0.1:2"})
    with pytest.raises(PreconditionError, match="2 nodes run: mainnet, testnet"):
        find_endpoints(chosen(tmp_path))
    assert find_endpoints(chosen(tmp_path, network="testnet")).public == ("127.0.0.1:2",)
    with pytest.raises(PreconditionError):
        find_endpoints(chosen(tmp_path, node=None))


def test_otherwise_the_listeners_of_the_configuration(
    tmp_path: Path, running: Callable[[str, dict[str, str]], None]
) -> None:
    running("starting", {})
    assert find_endpoints(chosen(tmp_path)) == Endpoints(
        public=("127.0.0.1:9092",), private="127.0.0.1:9093"
    )
    assert find_endpoints(chosen(tmp_path, network="standalone")).public == ("127.0.0.1:10092",)


@pytest.mark.parametrize(
    ("options", "genesis_id", "code", "name"),
    [
        ([], bytes(20), ExitCode.OK, "standalone"),
        ([], GENESIS_ID, ExitCode.OK, "mainnet"),
        (["--network", "mainnet"], GENESIS_ID, ExitCode.OK, "mainnet"),
        (["--network", "mainnet"], bytes(20), ExitCode.PRECONDITION, ""),
        (["--network", "standalone"], bytes(20), ExitCode.OK, "standalone"),
    ],
)
def test_the_network_is_the_one_that_was_chosen(
    tmp_path: Path, options: list[str], genesis_id: bytes, code: ExitCode, name: str
) -> None:
    api = FakeApi(network_info=make_network(genesis_id=GenesisID(genesis_id)))
    ran = run_cli(
        ["account", "balance", ADDRESS, *options, "--json"], tmp_path, open_api=FakeConnector(api)
    )
    assert ran.code == code
    if code:
        assert ran.error["code"] == "smesh.node.wrong_network"
    else:
        assert ran.document["meta"]["network"] == name
        assert ran.document["meta"]["genesis_id"] == genesis_id.hex()


def test_without_a_node_the_command_says_so(tmp_path: Path) -> None:
    connector = FakeConnector()
    ran = run_cli(
        ["account", "balance", ADDRESS, "--node", "n:1", "--json"], tmp_path, open_api=connector
    )
    assert (ran.code, ran.error["message"]) == (ExitCode.UNAVAILABLE, "no node answers at n:1")
    assert ran.error["retryable"] is True
    assert [one.public for one in connector.asked] == [("n:1",)]


def test_the_connection_is_one_of_grpc() -> None:
    with (
        open_api(Endpoints(public=("127.0.0.1:1",))) as api,
        pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"),
    ):
        api.status()

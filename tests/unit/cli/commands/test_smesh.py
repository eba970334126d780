"""``smcli smesh``: identities and the coinbase of a node."""

from pathlib import Path

import pytest

from cli.errors import ExitCode
from node.base.errors import PreconditionError
from node.client.records import (
    Activation,
    PostWorker,
    Reward,
    SetupState,
    SetupStatus,
    WorkerState,
)
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID, LayerID
from node.vm.templates import vault
from node.wallet.draft import wallet_owner
from tests.support.cli import FakeConnector, FakeTerminal, Ran, run_cli
from tests.support.fake_api import FakeApi, make_smeshing

WORDS = " ".join(["abandon"] * 11 + ["about"])
SMESHER = SmesherID(b"\x07" * 32)
OTHER = SmesherID(b"\x08" * 32)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def address(api: FakeApi) -> str:
    return api.address(wallet_owner(bytes(32)).address)


def smesh(
    home: Path, api: FakeApi | None, *arguments: str, answers: list[str] | None = None
) -> Ran:
    return run_cli(
        ["smesh", *arguments, "--json"],
        home,
        terminal=FakeTerminal(answers),
        open_api=FakeConnector(api),
    )


def activation(publish_epoch: int, smesher: SmesherID = SMESHER) -> Activation:
    return Activation(
        id=AtxID(bytes([publish_epoch]) * 32),
        smesher=smesher,
        publish_epoch=EpochID(publish_epoch),
        coinbase="",
        weight=1,
        height=1,
        num_units=4,
    )


def test_status_of_an_identity_that_earns(tmp_path: Path, api: FakeApi, address: str) -> None:
    api.known_activations = [activation(1), activation(2)]
    api.workers = (PostWorker(smesher=SMESHER, name="local.key", state=WorkerState.PROVING),)
    for layer in (21, 23):
        reward = Reward(
            layer=LayerID(layer), total=layer, layer_reward=1, coinbase=address, smesher=SMESHER
        )
        api.known_rewards.append(reward)

    data = smesh(tmp_path, api, "status").data

    assert (data["smeshing"], data["supervised"], data["coinbase"]) == (True, True, None)
    assert (data["space"], data["labels_written"], data["labels"]) == ("complete", 4096, 4096)
    assert (data["epoch"], data["epoch_ends"]) == (2, "2023-11-14T22:18:20Z")
    assert data["identities"] == [
        {
            "id": SMESHER.hex(),
            "name": "local.key",
            "worker": "proving",
            "eligible": True,
            "units": 4,
            "publish_epoch": 2,
            "next_event": "eligible in epoch 3",
            "next_time": "2023-11-14T22:18:20Z",
            "last_reward": "23",
            "last_reward_layer": 23,
            "convicted": None,
        }
    ]


def test_status_of_identities_without_atx(tmp_path: Path, api: FakeApi) -> None:
    api.smeshing_status = make_smeshing(smeshers=(SMESHER, OTHER))
    api.known_activations = [activation(1, OTHER)]
    first, second = smesh(tmp_path, api, "status").data["identities"]
    assert (first["eligible"], first["next_event"]) == (False, "ATX is due before epoch 3")
    assert (second["eligible"], second["next_event"]) == (True, "ATX is due before epoch 3")
    assert (first["units"], first["worker"], first["last_reward"]) == (None, "", None)
    one = smesh(tmp_path, api, "status", "--identity", OTHER.hex()).data["identities"]
    assert one == [second]
    assert smesh(tmp_path, api, "status", "--identity", "00" * 32).code == ExitCode.NOT_FOUND
    assert smesh(tmp_path, api, "status", "--identity", "00").code == ExitCode.USAGE


def test_status_of_a_convicted_identity(tmp_path: Path, api: FakeApi) -> None:
    api.known_activations = [activation(1), activation(2)]
    api.convictions = {SMESHER: "cause: two ballots"}
    (one,) = smesh(tmp_path, api, "status").data["identities"]
    assert one["convicted"] == "cause: two ballots"
    assert one["next_event"] == "nothing: it is convicted of misbehaviour"
    ran = run_cli(["smesh", "status"], tmp_path, open_api=FakeConnector(api))
    assert "is cancelled for good. cause: two ballots" in ran.stdout


class WithoutPost(FakeApi):
    """A node whose API for PoST workers is not known."""

    def post_workers(self) -> tuple[PostWorker, ...]:
        raise PreconditionError("the address of the PoST API is not known")


def test_people_read_what_is_missing(tmp_path: Path) -> None:
    setup = SetupStatus(state=SetupState.NOT_STARTED, labels_written=0, options=None)
    api = WithoutPost(smeshing_status=make_smeshing(smeshers=(), is_smeshing=False, setup=setup))
    ran = run_cli(["smesh", "status"], tmp_path, open_api=FakeConnector(api))
    assert ran.stdout.splitlines() == [
        "none",
        "Epoch 2 ends at 2023-11-14T22:18:20Z.",
        "Rewards go to nobody: set a coinbase.",
        "The supervised identity does not smesh; its space is not started: 0 labels.",
    ]
    api.smeshing_status = make_smeshing(is_supervised=False)
    ran = run_cli(["smesh", "status"], tmp_path, open_api=FakeConnector(api))
    assert ran.stdout.splitlines()[-1] == "Rewards go to nobody: set a coinbase."


def test_the_coinbase_is_set_and_shown(tmp_path: Path, api: FakeApi, address: str) -> None:
    assert smesh(tmp_path, api, "coinbase", "get").data == {"coinbase": None}
    refused = smesh(tmp_path, api, "coinbase", "set", address)
    assert refused.code == ExitCode.REFUSED
    dry = smesh(tmp_path, api, "coinbase", "set", address, "--dry-run").data
    assert "set_coinbase" not in api.calls

    change = smesh(tmp_path, api, "coinbase", "set", address, answers=["y"]).data

    assert change == dry
    assert change == {
        "coinbase": address,
        "previous": None,
        "from_epoch": 3,
        "from_time": "2023-11-14T22:18:20Z",
    }
    assert smesh(tmp_path, api, "coinbase", "get").data == {"coinbase": address}
    same = smesh(tmp_path, api, "coinbase", "set", address)
    assert (same.data["previous"], api.calls.count("set_coinbase")) == (address, 1)


def test_an_atx_that_is_published_keeps_its_coinbase(
    tmp_path: Path, api: FakeApi, address: str
) -> None:
    api.known_activations = [activation(2)]
    change = smesh(tmp_path, api, "coinbase", "set", address, "--yes").data
    assert change["from_epoch"] == 4


def test_a_coinbase_of_the_wallet(tmp_path: Path, api: FakeApi) -> None:
    run_cli(
        ["wallet", "restore", "--mnemonic-stdin", "--password-stdin"],
        tmp_path,
        stdin=f"{WORDS}\npw\n",
    )
    ran = run_cli(
        ["smesh", "coinbase", "set", "@Child Key 0", "--yes", "--password-stdin", "--json"],
        tmp_path,
        stdin="pw\n",
        open_api=FakeConnector(api),
    )
    assert ran.data["coinbase"] == "standalone1qqqqqqqlgfpwap59jlwmre4p9xrlk8fenfnlsrqzuj8zd"


def test_a_coinbase_that_nobody_should_want(tmp_path: Path, api: FakeApi, address: str) -> None:
    api.fund(address, 1, template=api.address(vault.ADDRESS))
    ran = smesh(tmp_path, api, "coinbase", "set", address, "--yes")
    assert ran.document["warnings"][0]["code"] == "smesh.smesh.vault"
    wallet = api.spawn(wallet_owner(b"\x01" * 32).instance)
    assert smesh(tmp_path, api, "coinbase", "set", wallet, "--yes").document["warnings"] == []
    other = "sm1qqqqqqpfz8fqq8am9jfjhmmydhrel2w8hfxsfcq79xcww"
    assert smesh(tmp_path, api, "coinbase", "set", other, "--yes").code == ExitCode.INVALID


def test_without_a_private_api_or_node(tmp_path: Path, api: FakeApi) -> None:
    api.failing = PreconditionError("the private API is not known")
    assert smesh(tmp_path, api, "status").code == ExitCode.PRECONDITION
    assert smesh(tmp_path, None, "status").code == ExitCode.UNAVAILABLE

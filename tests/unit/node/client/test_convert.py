"""Messages as records, where no node of the other tests says them."""

import pytest

from node.client.convert import (
    KINDS,
    known_transaction,
    node_status,
    parsed_transaction,
    post_worker,
    setup_options,
    setup_options_message,
    setup_provider,
    setup_status,
    transaction_outcome,
)
from node.client.records import (
    DrainVaultContents,
    MultisigSpawnContents,
    OutcomeStatus,
    SetupOptions,
    SetupState,
    TransactionContents,
    TransactionState,
    VaultSpawnContents,
    WalletSpawnContents,
    WorkerState,
)
from node.pb.spacemesh.v1 import post_types_pb2, smesher_types_pb2
from node.pb.spacemesh.v2alpha1 import node_pb2, tx_pb2
from node.types.ids import SmesherID
from node.types.layer import LayerID
from node.vm.sdk import TransactionKind

KIND = tx_pb2.Transaction
GPU = smesher_types_pb2.PostSetupProvider.DEVICE_CLASS_GPU
CPU = smesher_types_pb2.PostSetupProvider.DEVICE_CLASS_CPU


@pytest.mark.parametrize("provider", [None, 0, 4294967295])
def test_options_of_space_survive_the_way(provider: int | None) -> None:
    options = SetupOptions(
        data_folder="/post", num_units=4, max_file_size=1 << 32, provider=provider, throttle=True
    )
    assert setup_options(setup_options_message(options)) == options


def test_space_in_progress_is_read() -> None:
    options = SetupOptions(data_folder="/post", num_units=4, max_file_size=1 << 32)
    message = smesher_types_pb2.PostSetupStatus(
        state=smesher_types_pb2.PostSetupStatus.STATE_IN_PROGRESS,
        num_labels_written=7,
        opts=setup_options_message(options),
    )
    status = setup_status(message)
    assert (status.state, status.labels_written) == (SetupState.IN_PROGRESS, 7)
    assert status.options == options
    empty = setup_status(smesher_types_pb2.PostSetupStatus())
    assert (empty.state, empty.options) == (SetupState.UNKNOWN, None)


@pytest.mark.parametrize(
    ("number", "device_type", "is_gpu"), [(0, GPU, True), (4294967295, GPU, False), (1, CPU, False)]
)
def test_the_processor_is_no_gpu(
    number: int, device_type: "smesher_types_pb2.PostSetupProvider.DeviceType", is_gpu: bool
) -> None:
    message = smesher_types_pb2.PostSetupProvider(id=number, model="x", device_type=device_type)
    assert setup_provider(message).is_gpu is is_gpu


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (post_types_pb2.PostState.IDLE, WorkerState.IDLE),
        (post_types_pb2.PostState.PROVING, WorkerState.PROVING),
        (post_types_pb2.PostState.UNUSED, WorkerState.UNKNOWN),
    ],
)
def test_workers_are_read(state: "post_types_pb2.PostState.State", expected: WorkerState) -> None:
    message = post_types_pb2.PostState(id=b"\x01" * 32, name="local.key", state=state)
    worker = post_worker(message)
    assert (worker.smesher, worker.name) == (SmesherID(b"\x01" * 32), "local.key")
    assert worker.state is expected


KEYS = ["aa" * 32, "bb" * 32]
CONTENTS: list[
    tuple[tx_pb2.TransactionContents, "tx_pb2.Transaction.TransactionType", TransactionContents]
] = [
    (
        tx_pb2.TransactionContents(single_sig_spawn=tx_pb2.ContentsSingleSigSpawn(pubkey=KEYS[0])),
        KIND.TRANSACTION_TYPE_SINGLE_SIG_SELFSPAWN,
        WalletSpawnContents(public_key=KEYS[0]),
    ),
    (
        tx_pb2.TransactionContents(
            multi_sig_spawn=tx_pb2.ContentsMultiSigSpawn(required=2, pubkey=KEYS)
        ),
        KIND.TRANSACTION_TYPE_MULTI_SIG_SPAWN,
        MultisigSpawnContents(required=2, public_keys=tuple(KEYS)),
    ),
    (
        tx_pb2.TransactionContents(
            vesting_spawn=tx_pb2.ContentsMultiSigSpawn(required=1, pubkey=KEYS)
        ),
        KIND.TRANSACTION_TYPE_VESTING_SPAWN,
        MultisigSpawnContents(required=1, public_keys=tuple(KEYS)),
    ),
    (
        tx_pb2.TransactionContents(
            vault_spawn=tx_pb2.ContentsVaultSpawn(
                owner="sm1a",
                total_amount=9,
                initial_unlock_amount=3,
                vesting_start=1,
                vesting_end=5,
            )
        ),
        KIND.TRANSACTION_TYPE_VAULT_SPAWN,
        VaultSpawnContents(
            owner="sm1a",
            total_amount=9,
            initial_unlock_amount=3,
            vesting_start=LayerID(1),
            vesting_end=LayerID(5),
        ),
    ),
    (
        tx_pb2.TransactionContents(
            drain_vault=tx_pb2.ContentsDrainVault(vault="sm1v", destination="sm1d", amount=4)
        ),
        KIND.TRANSACTION_TYPE_DRAIN_VAULT,
        DrainVaultContents(vault="sm1v", destination="sm1d", amount=4),
    ),
]


@pytest.mark.parametrize(
    ("message", "kind", "expected"),
    CONTENTS,
    ids=[str(message.WhichOneof("contents")) for message, _, _ in CONTENTS],
)
def test_contents_are_read(
    message: tx_pb2.TransactionContents,
    kind: "tx_pb2.Transaction.TransactionType",
    expected: TransactionContents,
) -> None:
    parsed = parsed_transaction(tx_pb2.Transaction(raw=b"raw", type=kind, contents=message))
    assert parsed.contents == expected
    assert parsed.kind is not None


def test_a_transaction_may_tell_nothing() -> None:
    known = known_transaction(tx_pb2.TransactionResponse(tx=tx_pb2.Transaction(raw=b"raw")))
    assert (known.transaction.kind, known.transaction.contents) == (None, None)
    assert (known.state, known.outcome) == (TransactionState.UNKNOWN, None)


def test_an_invalid_transaction_is_told_from_a_failed_one() -> None:
    message = tx_pb2.TransactionResult(
        status=tx_pb2.TransactionResult.TRANSACTION_STATUS_INVALID, block=bytes(20)
    )
    assert transaction_outcome(message).status is OutcomeStatus.INVALID


def test_every_kind_has_a_name() -> None:
    assert set(KINDS.values()) == set(TransactionKind)
    assert set(KINDS) == {number for number in KIND.TransactionType.values() if number}


def test_an_offline_node_is_not_synced() -> None:
    offline = node_pb2.NodeStatusResponse.SYNC_STATUS_OFFLINE
    assert not node_status(node_pb2.NodeStatusResponse(status=offline)).synced

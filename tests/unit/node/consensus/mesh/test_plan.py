"""What the mesh does about the tortoise's results."""

import pytest

from node.consensus.mesh.plan import (
    HareOutputPlan,
    LayerStep,
    MeshPlan,
    ProcessedLayers,
    hare_output_of,
    make_plan,
    plan_hare_output,
    valid_block,
)
from node.types.ballot import Vote
from node.types.ids import NO_BLOCK, BlockID, Hash32
from node.types.layer import LayerID
from node.types.opinion import BlockVote, LayerResult

A, B, C = (BlockID(bytes([number]) * 20) for number in (1, 2, 3))


def vote(block: BlockID, marks: str = "", *, data: bool = True) -> BlockVote:
    """Return a block vote: ``v`` valid, ``i`` invalid, ``h`` hare, ``l`` local."""
    return BlockVote(
        header=Vote(block=block, layer=LayerID(0), height=0),
        valid="v" in marks,
        invalid="i" in marks,
        hare="h" in marks,
        local="l" in marks,
        data=data,
    )


def opinion(layer: int) -> Hash32:
    return Hash32(bytes([layer]) * 32)


def result(layer: int, *blocks: BlockVote, verified: bool = True) -> LayerResult:
    return LayerResult(
        layer=LayerID(layer),
        first_layer=False,
        verified=verified,
        opinion=opinion(layer),
        blocks=blocks,
    )


def step(
    layer: int,
    block: BlockID,
    *,
    execute: bool = True,
    verified: bool = True,
    valid: tuple[BlockID, ...] = (),
    invalid: tuple[BlockID, ...] = (),
) -> LayerStep:
    return LayerStep(
        layer=LayerID(layer),
        block=block,
        execute=execute,
        opinion=opinion(layer),
        verified=verified,
        valid=valid,
        invalid=invalid,
    )


def applied(**blocks: BlockID) -> dict[LayerID, BlockID]:
    return {LayerID(int(name.removeprefix("l"))): block for name, block in blocks.items()}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param((), NO_BLOCK, id="no blocks"),
        pytest.param((vote(A), vote(B, "l")), NO_BLOCK, id="none agreed on"),
        pytest.param((vote(A, "h"), vote(B, "v"), vote(C, "v")), B, id="first valid"),
        pytest.param((vote(A), vote(B, "h"), vote(C, "h")), B, id="first of hare"),
        pytest.param((vote(A, "hi"), vote(B)), NO_BLOCK, id="hare's is invalid"),
    ],
)
def test_the_content_of_a_layer_is_the_valid_block_or_that_of_hare(
    blocks: tuple[BlockVote, ...], expected: BlockID
) -> None:
    assert valid_block(result(9, *blocks)) == expected


def test_nothing_follows_from_no_results() -> None:
    assert make_plan((), LayerID(8), {}) == MeshPlan()


def test_layers_are_applied_in_order_with_their_validities() -> None:
    results = [
        result(9, vote(A, "v"), vote(B, "i"), vote(C, "i", data=False)),
        result(10),
        result(11, vote(B, "h"), verified=False),
    ]
    plan = make_plan(results, LayerID(8), {})
    assert plan == MeshPlan(
        steps=(
            step(9, A, valid=(A,), invalid=(B,)),
            step(10, NO_BLOCK),
            step(11, B, verified=False),
        )
    )


def test_an_empty_layer_that_is_not_verified_stops_everything() -> None:
    results = [result(9, verified=False), result(10, vote(A, "v"))]
    assert make_plan(results, LayerID(8), {}) == MeshPlan()


def test_a_layer_that_is_applied_already_is_not_executed_again() -> None:
    results = [result(9, vote(A, "v")), result(10), result(11, vote(B, "v"))]
    plan = make_plan(results, LayerID(10), applied(l9=A, l10=NO_BLOCK))
    assert plan.revert_to is None
    assert [one.execute for one in plan.steps] == [False, False, True]


def test_a_layer_applied_with_another_block_is_reverted_with_all_after_it() -> None:
    results = [result(9, vote(A, "v")), result(10, vote(B, "v")), result(11, vote(C, "v"))]
    plan = make_plan(results, LayerID(11), applied(l9=A, l10=A, l11=C))
    assert plan.revert_to == 9
    assert [one.execute for one in plan.steps] == [False, True, True]


def test_a_layer_applied_as_empty_is_reverted_for_a_block() -> None:
    plan = make_plan([result(9, vote(A, "v"))], LayerID(9), applied(l9=NO_BLOCK))
    assert plan == MeshPlan(revert_to=LayerID(8), steps=(step(9, A, valid=(A,)),))


def test_a_wrong_layer_beyond_an_undecided_one_is_reverted_all_the_same() -> None:
    results = [result(9, verified=False), result(10, vote(B, "v"))]
    assert make_plan(results, LayerID(10), applied(l10=A)) == MeshPlan(revert_to=LayerID(9))


@pytest.mark.parametrize("marks", ["v", "h", "l"])
def test_layers_from_the_first_missing_block_on_wait(marks: str) -> None:
    results = [
        result(9, vote(A, "v")),
        result(10, vote(B, marks, data=False)),
        result(11, vote(C, "h", data=False)),
    ]
    plan = make_plan(results, LayerID(8), {})
    assert plan == MeshPlan(steps=(step(9, A, valid=(A,)),), missing=(B, C))


def test_a_block_that_nobody_wants_is_not_missing() -> None:
    plan = make_plan([result(9, vote(A, "i", data=False))], LayerID(8), {})
    assert plan == MeshPlan(steps=(step(9, NO_BLOCK),))


@pytest.mark.parametrize("in_state", [9, 12])
def test_nothing_is_applied_if_the_next_layer_misses_a_block(in_state: int) -> None:
    results = [result(9, vote(A, "v")), result(10, vote(B, "v", data=False))]
    plan = make_plan(results, LayerID(in_state), applied(l9=C))
    assert plan == MeshPlan(missing=(B,))


def test_processed_layers_advance_without_gaps() -> None:
    layers = ProcessedLayers(LayerID(7))
    assert layers.add(LayerID(7)) is None
    assert layers.add(LayerID(9)) is None
    assert layers.add(LayerID(10)) is None
    assert layers.add(LayerID(12)) is None
    assert layers.add(LayerID(8)) == 10
    assert layers.processed == 10
    assert layers.add(LayerID(9)) is None
    assert layers.add(LayerID(11)) == 12


@pytest.mark.parametrize(
    ("rows", "valid", "tell"),
    [
        pytest.param({}, True, True, id="first"),
        pytest.param({A: True}, None, True, id="the same, valid"),
        pytest.param({A: False}, None, True, id="the same, invalid"),
        pytest.param({B: True}, False, True, id="another is valid"),
        pytest.param({B: False}, True, True, id="another is invalid"),
        pytest.param({B: True, C: False}, False, False, id="several others"),
    ],
)
def test_hare_output_yields_to_what_certificates_said(
    rows: dict[BlockID, bool], valid: bool | None, tell: bool
) -> None:
    assert plan_hare_output(A, rows) == HareOutputPlan(store_as_valid=valid, tell_tortoise=tell)


@pytest.mark.parametrize(
    ("rows", "output"),
    [
        ({}, None),
        ({A: False}, None),
        ({A: True, B: False}, A),
        ({NO_BLOCK: True}, NO_BLOCK),
        ({A: True, B: True}, NO_BLOCK),
    ],
)
def test_hare_output_is_the_single_valid_row(
    rows: dict[BlockID, bool], output: BlockID | None
) -> None:
    assert hare_output_of(rows) == output

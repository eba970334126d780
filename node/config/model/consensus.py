"""Sections of the consensus components: tortoise, hare, certificates, beacon, active sets."""

from fractions import Fraction
from typing import Literal, TypeAlias

from msgspec import field

from node.config.durations import HOUR, MILLISECOND, MINUTE, SECOND, Nanoseconds
from node.config.model.section import (
    MAX_UINT32,
    Count,
    Section,
    UInt8,
    UInt16,
    UInt32,
)


class WindowInterval(Section, frozen=True, kw_only=True):
    """A range of layers with a tortoise window of its own. Ours: a Go node has it compiled in."""

    start: UInt32 = 0
    """First layer."""

    end: UInt32
    """Last layer."""

    window: UInt32
    """Layers the tortoise keeps while it counts there."""


class EpochWeight(Section, frozen=True, kw_only=True):
    """A weight in force from an epoch on. Ours: a Go node has it compiled in."""

    epoch: UInt32 = 0
    """First epoch."""

    weight: Count
    """Weight of an active set, at least."""


class TortoiseConfig(Section, frozen=True, kw_only=True):
    """Opinion of every layer; all in layers unless said."""

    hdist: UInt32 = field(name="tortoise-hdist", default=10)
    """How far back the hare's output is believed."""

    zdist: UInt32 = field(name="tortoise-zdist", default=8)
    """How long a hare output is waited for."""

    window_size: UInt32 = field(name="tortoise-window-size", default=1000)
    """How many layers are kept."""

    max_exceptions: Count = field(name="tortoise-max-exceptions", default=5000)
    """Most blocks (not layers) in which a ballot may differ from its base ballot."""

    delay_layers: UInt32 = field(name="tortoise-delay-layers", default=0)
    """How long ballots with another beacon are not counted; 0: an epoch."""

    enable_tracer: bool = field(name="tortoise-enable-tracer", default=False)
    """Write every call into a trace."""

    collect_details: UInt32 = field(name="tortoise-collect-details", default=0)
    """Layers for which detailed state is published as metrics."""

    historical_window_sizes: tuple[WindowInterval, ...] = ()
    """Windows that differed in the past. Ours."""

    minimal_active_set_weight: tuple[EpochWeight, ...] = ()
    """Least weight of an active set, by epoch. Ours."""


class CommitteeUpgrade(Section, frozen=True, kw_only=True):
    """A committee size in force from a layer on. Ours: a Go node has it compiled in."""

    layer: UInt32
    """First layer."""

    size: UInt16
    """Expected members."""


HareMode: TypeAlias = Literal["messages", "turbo"]
"""How nodes come to the proposals of a layer."""


class HareModeConfig(Section, frozen=True, kw_only=True):
    """Agreement on the proposals of a layer, whatever its version."""

    mode: HareMode = "messages"
    """Agree by messages, or, for simulations, take the proposals that have come. Ours."""


class HareConfig(Section, frozen=True, kw_only=True):
    """Agreement on the proposals of a layer, version 3."""

    enable: bool = False
    """Take part."""

    enable_layer: UInt32 = 0
    """First layer with sessions of this version."""

    disable_layer: UInt32 = MAX_UINT32
    """First layer without them."""

    committee: UInt16 = 800
    """Expected members per round."""

    committee_upgrade: CommitteeUpgrade | None = None
    """Another committee from a layer on. Ours."""

    leaders: UInt16 = 5
    """Expected leaders per propose round."""

    iterations_limit: UInt8 = 4
    """Iterations after which a session ends without output."""

    preround_delay: Nanoseconds = Nanoseconds(25 * SECOND)
    """From the start of a layer to its session."""

    round_duration: Nanoseconds = Nanoseconds(12 * SECOND)
    """Length of a round."""

    log_stats: bool = False
    """Log how each session went."""

    protocol_name: str = field(name="protocolname", default="/h/3.0")
    """Gossip topic."""


class Hare4Config(HareConfig, frozen=True, kw_only=True):
    """Agreement on the proposals of a layer, version 4 (compact proposal ids)."""

    committee: UInt16 = 50
    """Expected members per round."""

    protocol_name: str = field(name="protocolname", default="/h/4.0")
    """Gossip topic and stream protocol."""


class HareEligibilityConfig(Section, frozen=True, kw_only=True):
    """Who is in a committee."""

    confidence_param: UInt32 = field(name="eligibility-confidence-param", default=1)
    """Layers by which the active set is older than the layer it serves."""


class CertificateConfig(Section, frozen=True, kw_only=True):
    """Vouching for hare outputs."""

    committee_size: UInt16 = 0
    """Expected members; 0: as many as the hare has. Half of them and one make a certificate."""


class BeaconConfig(Section, frozen=True, kw_only=True):
    """Randomness of an epoch."""

    kappa: Count = field(name="beacon-kappa", default=40)
    """Security parameter: bits of error probability."""

    q: Fraction = field(name="beacon-q", default=Fraction(1, 3))
    """Largest share of dishonest weight."""

    theta: Fraction = field(name="beacon-theta", default=Fraction(1, 4))
    """Share of weight by which votes must differ to decide."""

    rounds_number: UInt32 = field(name="beacon-rounds-number", default=300)
    """Voting rounds; 0: the protocol is not run."""

    grace_period_duration: Nanoseconds = field(
        name="beacon-grace-period-duration", default=Nanoseconds(2 * MINUTE)
    )
    """How late a proposal may be and still be kept as potentially valid."""

    proposal_duration: Nanoseconds = field(
        name="beacon-proposal-duration", default=Nanoseconds(2 * MINUTE)
    )
    """Length of the proposal phase."""

    first_voting_round_duration: Nanoseconds = field(
        name="beacon-first-voting-round-duration", default=Nanoseconds(HOUR)
    )
    """Length of the first voting round."""

    voting_round_duration: Nanoseconds = field(
        name="beacon-voting-round-duration", default=Nanoseconds(30 * MINUTE)
    )
    """Length of a following voting round."""

    weak_coin_round_duration: Nanoseconds = field(
        name="beacon-weak-coin-round-duration", default=Nanoseconds(MINUTE)
    )
    """Length of a weak coin round."""

    votes_limit: UInt32 = field(name="beacon-votes-limit", default=100)
    """Most proposals in a vote."""

    sync_weight_units: Count = field(name="beacon-sync-weight-units", default=800)
    """Slots whose ballots must agree before their beacon is adopted."""


class VmConfig(Section, frozen=True, kw_only=True):
    """No keys: the gas limit is ``main.block-gas-limit``."""


class ActiveSetPreparationConfig(Section, frozen=True, kw_only=True):
    """Preparing an epoch's active set ahead of it."""

    window: Nanoseconds = Nanoseconds(SECOND)
    """How long before the epoch it starts."""

    retry_interval: Nanoseconds = Nanoseconds(SECOND)
    """Wait after a failure."""

    tries: Count = 3
    """Attempts."""


class PoetConfig(Section, frozen=True, kw_only=True):
    """Dealing with PoET servers."""

    phase_shift: Nanoseconds = Nanoseconds(0)
    """From the start of an epoch to the start of the PoET round."""

    cycle_gap: Nanoseconds = Nanoseconds(0)
    """From the end of a PoET round to the start of the next."""

    grace_period: Nanoseconds = Nanoseconds(0)
    """How long before a round starts registrations are sent, so that they arrive in time."""

    request_timeout: Nanoseconds = field(name="poet-request-timeout", default=Nanoseconds(0))
    """Longest request with all its attempts; 0: as long as the answer is of use."""

    retry_delay: Nanoseconds = Nanoseconds(400 * MILLISECOND)
    """Wait before the first further attempt; grows with every one."""

    retry_max: Count = 10
    """Attempts."""

    positioning_atx_selection_timeout: Nanoseconds = Nanoseconds(0)
    """Longest search for a positioning ATX; 0: no limit."""

    info_cache_ttl: Nanoseconds = Nanoseconds(5 * MINUTE)
    """How long a server's description is believed."""

    pow_params_cache_ttl: Nanoseconds = Nanoseconds(5 * MINUTE)
    """How long a server's proof-of-work parameters are believed."""

    poet_proofs_cache: Count = 200
    """PoET proofs kept in memory."""


class CertifierClientConfig(Section, frozen=True, kw_only=True):
    """Asking for a registration certificate."""

    retry_delay: Nanoseconds = Nanoseconds(SECOND)
    """Wait before the first further attempt."""

    max_retry_delay: Nanoseconds = Nanoseconds(30 * SECOND)
    """Longest wait between attempts."""

    max_retries: Count = 5
    """Further attempts."""


class CertifierConfig(Section, frozen=True, kw_only=True):
    """Registration certificates of PoET servers; not to be mixed up with ``certificate``."""

    client: CertifierClientConfig = CertifierClientConfig()
    """Our requests."""

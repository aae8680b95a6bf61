"""Any facts that a contact may have, for properties that hold of all of them."""

from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Allowance, Evidence, Stop, Touch
from duecourse.policy.packs import vocabulary as v
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.periods import Hours

moments = st.datetimes(
    datetime(2018, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Asia/Shanghai")]),
)
maybe_moments = st.none() | moments
ids = st.integers(1, 2**53)
words = st.text(max_size=8)
zones = st.sampled_from(["Asia/Shanghai", "America/New_York", "Pacific/Apia"]) | words
debts = st.lists(ids, max_size=3).map(tuple)


def some(kind: type[StrEnum]) -> st.SearchStrategy[frozenset[StrEnum]]:
    return st.frozensets(st.sampled_from(list(kind)), max_size=3)


places = st.builds(Place, st.sampled_from(["CN", "BR", "US"]), st.none() | st.sampled_from(["SP", "MA"]))
hours = st.builds(
    lambda days, start, length: Hours(days=days, start=start, end=start + length),
    some(v.Day),
    st.integers(0, 700),
    st.integers(1, 700),
)
touches = st.builds(
    Touch,
    when=moments,
    medium=st.sampled_from(v.Medium),
    outcome=st.sampled_from(v.TouchOutcome),
    direction=st.sampled_from(v.Direction),
    agent=st.sampled_from(v.AgentKind),
    number=st.none() | words,
    debts=debts,
    purpose=st.none() | st.sampled_from(v.Purpose),
    requested=st.booleans(),
    consented=st.booleans(),
)
stops = st.builds(
    Stop,
    event=st.sampled_from(v.StopEvent),
    when=moments,
    until=maybe_moments,
    channels=some(v.Medium),
    purposes=some(v.Purpose),
    debts=debts,
    evidence=st.none() | words,
)
evidence = st.builds(
    Evidence,
    id=words,
    kind=st.sampled_from(v.Override),
    given_at=moments,
    expires_at=maybe_moments,
    rules=st.frozensets(words, max_size=2),
    channels=some(v.Medium),
    purposes=some(v.Purpose),
    hours=st.lists(hours, max_size=2).map(tuple),
)
allowances = st.builds(Allowance, id=words, rules=st.frozensets(words, max_size=2))
any_facts = st.builds(
    ContactFacts,
    contact_id=ids,
    borrower_id=ids,
    channel=st.sampled_from([*ChannelKind, *v.Medium]),
    not_after=moments,
    time_zone=st.none() | zones,
    consent=st.none() | st.sampled_from(Consent),
    address_valid=st.booleans(),
    open_items=st.integers(0, 9),
    autopay=st.booleans(),
    holds=st.lists(ids, max_size=2).map(tuple),
    opted_out=st.booleans(),
    touches_today=st.integers(0, 9),
    reached_today=st.booleans(),
    stop=some(StopRule),
    purpose=st.sampled_from(v.Purpose),
    actor_role=st.sampled_from(v.ActorRole),
    lender_type=st.none() | st.sampled_from(v.LenderType),
    lender_country=st.none() | words,
    product=st.none() | words,
    debts=debts,
    dpd=st.none() | st.integers(0, 999),
    amount_minor=st.none() | ids,
    recipient=st.sampled_from(v.Party),
    recipient_refused=st.booleans(),
    debtor_type=st.sampled_from(v.DebtorType),
    underage=st.none() | st.booleans(),
    debtor_state=some(v.DebtorState),
    residence=st.none() | places,
    present=st.none() | places,
    carrier_country=st.none() | words,
    candidate_zones=st.lists(zones, max_size=2).map(tuple),
    number=st.none() | words,
    at_workplace=st.booleans(),
    employer_address=st.booleans(),
    employer_address_used=st.booleans(),
    employer_forbids=st.none() | st.booleans(),
    address_verified_at=maybe_moments,
    history=st.lists(touches, max_size=3).map(tuple),
    stops=st.lists(stops, max_size=2).map(tuple),
    evidence=st.lists(evidence, max_size=2).map(tuple),
    allowances=st.lists(allowances, max_size=2).map(tuple),
    identity_verified=st.booleans(),
    notices=some(v.NoticeBefore),
    first_contact=st.booleans(),
    preferred_hours=st.lists(hours, max_size=2).map(tuple),
    preferred_channels=some(v.Medium),
    staff=st.none() | st.integers(0, 9),
    visit_announced_at=maybe_moments,
)

"""The columns of each kind of record, how each is read, and which kind a header belongs to. See docs/book-format.md."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecourse.book_files import fields
from duecourse.book_files.fields import FieldError, Read
from duecourse.book_files.table import Row
from duecourse.domain.address import parse_address
from duecourse.domain.book_record import (
    BorrowerRecord,
    InstalmentRecord,
    LoanRecord,
    PaymentRecord,
    PointRecord,
    Record,
    RecordKind,
)
from duecourse.domain.errors import InputError
from duecourse.domain.money import Money
from duecourse.domain.phone_prefix import prefix_of
from duecourse.domain.territories import sure_zone
from duecourse.domain.vocabulary import ChannelKind, Consent

Values = Mapping[str, Any]
"""A row's values by column; None where the cell is empty or there is no such column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of record: its columns in the order of the documentation, and what a row of them makes."""

    required: Mapping[str, Read]
    optional: Mapping[str, Read]
    build: Callable[[int, Values], Record]

    @property
    def columns(self) -> dict[str, Read]:
        return {**self.required, **self.optional}


class RowReader:
    """Turns the rows of one file into records."""

    def __init__(self, kind: Kind, columns: Sequence[str]) -> None:
        self._build = kind.build
        self._plan = [(name, kind.columns[name], name in kind.required) for name in columns]

    def read(self, row: Row) -> Record:
        """The record in a row.

        Raises:
            FieldError: the first thing wrong with it.
        """
        if row.cells is None:
            raise FieldError("row", row.problem)
        values: dict[str, Any] = {}
        for (name, read, required), cell in zip(self._plan, row.cells, strict=True):
            if text := cell.strip():
                try:
                    values[name] = read(text)
                except InputError as exc:
                    raise FieldError(name, str(exc)) from exc
            elif required:
                raise FieldError(name, "must not be empty")
        return self._build(row.number, values)


def recognise(columns: Sequence[str], wanted: RecordKind | None) -> RecordKind:
    """Which kind of record a file with these columns holds.

    Raises:
        InputError: a column is unknown, missing or there twice; it says which and of what.
    """
    if repeated := [name for name in columns if columns.count(name) > 1]:
        raise InputError(f"header: column {_shown(repeated[0])} is there twice")
    kind = wanted or max(KINDS, key=lambda each: _likeness(each, columns))
    if not wanted and not _likeness(kind, columns):
        raise InputError("header: no kind of record has these columns; see docs/book-format.md")
    known = KINDS[kind]
    if unknown := [name for name in columns if name not in known.columns]:
        raise InputError(f"header: unknown column {_shown(unknown[0])} for {kind}; known: {', '.join(known.columns)}")
    if missing := [name for name in known.required if name not in columns]:
        raise InputError(f"header: missing {', '.join(missing)} for {kind}")
    return kind


def _likeness(kind: RecordKind, columns: Sequence[str]) -> int:
    """How well the columns fit: the share of the required ones that are there, then how many are known."""
    known = KINDS[kind]
    required = sum(name in columns for name in known.required)
    return required * 100 // len(known.required) + sum(name in known.columns for name in columns)


def _shown(name: str) -> str:
    """A header's own word, short and printable: a file without a header would show its first row."""
    return f"`{name[:30]}`" if name.isidentifier() else "that is no column name"


def _borrower(row: int, values: Values) -> Record:
    country, region = values["country"], values.get("region")
    points = tuple(_point(channel, values) for channel in _CHANNELS if _has_point(channel, values))
    return BorrowerRecord(
        row,
        values["external_id"],
        values["name"],
        values["locale"],
        country,
        region,
        values.get("time_zone") or sure_zone(country, region),
        points,
        values.get("place_country"),
        values.get("place_region"),
        _zone_evidence(points, values),
        values.get("employer_forbids"),
        values.get("underage"),
    )


def _zone_evidence(points: Sequence[PointRecord], values: Values) -> dict[str, tuple[str, ...]] | None:
    """What this row says of zones beside the address. A phone whose prefix tells nothing takes back what one told."""
    evidence = {point.channel: prefix_of(point.address).zones for point in points if point.channel in _PHONES}
    evidence |= {name: (values[column],) for name, column in _ZONE_COLUMNS.items() if column in values}
    return evidence or None


def _has_point(channel: ChannelKind, values: Values) -> bool:
    if channel.value in values:
        return True
    if values.get(f"{channel}_consent") == Consent.WITHDRAWN:
        raise FieldError(f"{channel}_consent", "withdrawn, but no address: use `duecourse optouts add`")
    return False


def _point(channel: ChannelKind, values: Values) -> PointRecord:
    try:
        address = parse_address(channel, values[channel.value], values["country"])
    except InputError as exc:
        raise FieldError(channel.value, str(exc)) from exc
    return PointRecord(
        channel.value,
        address,
        values.get(f"{channel}_consent"),
        values.get("consent_at"),
        values.get("consent_source"),
        prefix_of(address).country if channel in _PHONES else None,
        values.get(f"{channel}_employer"),
        values.get(f"{channel}_verified_at"),
    )


def _loan(row: int, values: Values) -> Record:
    return LoanRecord(
        row,
        values["external_id"],
        values["borrower_external_id"],
        values["currency"],
        _minor("principal", values),
        values["issued_on"],
        values.get("product"),
        values.get("autopay"),
        values.get("status"),
        values.get("missed_before"),
        values.get("actor_role"),
        {notice: values[column] for column, notice in _NOTICE_COLUMNS.items() if column in values} or None,
    )


def _instalment(row: int, values: Values) -> Record:
    return InstalmentRecord(
        row,
        values["loan_external_id"],
        values["number"],
        values["due_on"],
        values["principal"],
        values["interest"],
        values.get("fee"),
        values.get("penalty"),
        values.get("paid"),
        values.get("met_on"),
    )


def _payment(row: int, values: Values) -> Record:
    return PaymentRecord(
        row,
        values["external_id"],
        values["loan_external_id"],
        _minor("amount", values),
        values["currency"],
        values["paid_at"],
        values.get("reversed_at"),
    )


def _minor(field: str, values: Values) -> int:
    """An amount above zero in minor units of the row's currency."""
    try:
        minor = Money.parse(values[field], values["currency"]).minor
    except InputError as exc:
        raise FieldError(field, str(exc)) from exc
    if not minor:
        raise FieldError(field, "must be above zero")
    return minor


_CHANNELS = tuple(ChannelKind)
_PHONES = frozenset({ChannelKind.SMS, ChannelKind.VOICE})
#: Where an address may be the employer's: a device or a messaging id is the person's.
_AT_WORK = (ChannelKind.SMS, ChannelKind.EMAIL, ChannelKind.VOICE)
#: What a borrower may have to be told before something else is done. Of a visit whoever asks for one says it.
_NOTICE_COLUMNS = {f"{notice}_notice_at": notice for notice in ("first_collection", "agency_start", "credit_reporting")}
_ZONE_COLUMNS = {"stated": "stated_time_zone", "device": "device_time_zone"}

KINDS = {
    RecordKind.BORROWERS: Kind(
        required={
            "external_id": fields.identifier,
            "name": fields.words,
            "locale": fields.locale,
            "country": fields.country,
        },
        optional={
            "region": fields.words,
            "time_zone": fields.zone,
            **{channel.value: fields.words for channel in _CHANNELS},
            "place_country": fields.country,
            "place_region": fields.words,
            **dict.fromkeys(_ZONE_COLUMNS.values(), fields.zone),
            **{f"{channel}_consent": fields.consent for channel in _CHANNELS},
            **{f"{channel}_employer": fields.flag for channel in _AT_WORK},
            **{f"{channel}_verified_at": fields.instant for channel in _CHANNELS},
            "consent_at": fields.instant,
            "consent_source": fields.words,
            "employer_forbids": fields.flag,
            "underage": fields.flag,
        },
        build=_borrower,
    ),
    RecordKind.LOANS: Kind(
        required={
            "external_id": fields.identifier,
            "borrower_external_id": fields.identifier,
            "currency": fields.currency,
            "principal": fields.amount,
            "issued_on": fields.day,
        },
        optional={
            "product": fields.identifier,
            "autopay": fields.flag,
            "status": fields.status,
            "missed_before": fields.count,
            "actor_role": fields.actor_role,
            **dict.fromkeys(_NOTICE_COLUMNS, fields.instant),
        },
        build=_loan,
    ),
    RecordKind.INSTALMENTS: Kind(
        required={
            "loan_external_id": fields.identifier,
            "number": fields.ordinal,
            "due_on": fields.day,
            "principal": fields.amount,
            "interest": fields.amount,
        },
        optional={"fee": fields.amount, "penalty": fields.amount, "paid": fields.amount, "met_on": fields.day},
        build=_instalment,
    ),
    RecordKind.PAYMENTS: Kind(
        required={
            "external_id": fields.identifier,
            "loan_external_id": fields.identifier,
            "amount": fields.amount,
            "currency": fields.currency,
            "paid_at": fields.instant,
        },
        optional={"reversed_at": fields.instant},
        build=_payment,
    ),
}

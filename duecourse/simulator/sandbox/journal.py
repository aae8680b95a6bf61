"""The provider's own book: what it accepted, refused and reported, as an append-only JSON Lines file with an index.

It knows addresses, as a provider's book does; they can reach nobody. Nothing of it goes to a log.
"""

import json
import os
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from duecourse.domain.clock import host_now

Entry = dict[str, Any]


class EntryKind(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """A key seen before: nothing was delivered again."""
    REFUSED = "refused"
    THROTTLED = "throttled"
    FAULT = "fault"
    RECEIPT = "receipt"
    """An event that the customer's webhook took with a 2xx."""


class Journal:
    """Open it once per file. A file that is there already is read back, so that a restart forgets nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(tempfile.mkstemp(prefix="sandbox-", suffix=".jsonl")[1])
        self._temporary = path is None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._offsets = array("Q", [0])
        self._by_address: dict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._by_reference: dict[tuple[str, str], str] = {}
        self._channels: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.business: datetime | None = None
        """The virtual time that entries are stamped with, if one is set."""
        self._read_back()

    def close(self) -> None:
        os.close(self._file)
        if self._temporary:
            self.path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def record(self, kind: EntryKind, fields: Entry) -> Entry:
        """Append one line, stamped with both times, and index it."""
        virtual = self.business.isoformat() if self.business else None
        entry = {"n": len(self) + 1, "kind": kind.value, **fields, "at": host_now().isoformat(), "virtual_at": virtual}
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        os.write(self._file, line)
        self._index(entry, len(line))
        return entry

    def occasion(self, address: str, fallback: str) -> str:
        """What chance is asked about: in virtual time who and when, which repeat in every run as our ids do not."""
        return f"{address} {self.business.isoformat()}" if self.business else fallback

    def accept(self, fields: Entry) -> Entry:
        """Record a message as accepted, under a new id."""
        digest = sha256(fields["text"].encode()).hexdigest()
        number = self.counts[EntryKind.ACCEPTED] + 1
        return self.record(
            EntryKind.ACCEPTED, {"id": f"{fields['account']}-{number:08d}", **fields, "text_sha256": digest}
        )

    def id_of(self, account: str, reference: str) -> str | None:
        return self._by_reference.get((account, reference))

    def addresses(self) -> list[tuple[str, str, int]]:
        """Each address written to: itself, its channel, how many messages; the busiest first."""
        rows = [(a, self._channels[a], len(numbers)) for a, numbers in list(self._by_address.items())]
        return sorted(rows, key=lambda row: (-row[2], row[0]))

    def messages_to(self, address: str) -> list[Entry]:
        """What the address was sent, newest first."""
        numbers = self._by_address.get(address, array("Q"))
        return [json.loads(self._line(n)) for n in reversed(numbers)]

    def lines(self, after: int) -> Iterator[bytes]:
        """The lines after number `after`, in order."""
        for number in range(after, len(self)):
            yield self._line(number)

    def _line(self, number: int) -> bytes:
        start, end = self._offsets[number], self._offsets[number + 1]
        return os.pread(self._file, end - start, start)

    def _index(self, entry: Entry, length: int) -> None:
        number = len(self)
        self._offsets.append(self._offsets[-1] + length)
        self.counts[entry["kind"]] += 1
        if entry["kind"] == EntryKind.ACCEPTED:
            self._by_address[entry["to"]].append(number)
            self._channels[entry["to"]] = entry["channel"]
            self._by_reference[entry["account"], entry["reference"]] = entry["id"]

    def _read_back(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    # The last run was killed in the middle of a line: the caller never got its answer.
                    os.ftruncate(self._file, self._offsets[-1])
                    return
                self._index(json.loads(line), len(line))

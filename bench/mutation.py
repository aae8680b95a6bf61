"""How much of what decides is held by its tests: the part of `make mutation`'s changes that some test noticed."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: What to reach.
GOAL = 0.85
_FOLDER = Path("mutants")
_SUFFIX = ".py.meta"
#: pytest's exit codes as mutmut keeps them: a test failed or broke, it never ended, or it killed the process.
_NOTICED = frozenset({1, 3, 24, -24, 36, 152, 255, -11, -9})
#: All tests passed, or none ran it.
_SURVIVED = frozenset({0, 5, 33})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    module: str
    noticed: int
    survived: int
    pending: int

    @property
    def part(self) -> float:
        judged = self.noticed + self.survived
        return self.noticed / judged if judged else 1.0


def rate(module: str, codes: Iterable[int | None]) -> Rate:
    """What became of one module's mutants. One that no test runs has survived."""
    every = list(codes)
    noticed = sum(code in _NOTICED for code in every)
    survived = sum(code in _SURVIVED for code in every)
    return Rate(module=module, noticed=noticed, survived=survived, pending=len(every) - noticed - survived)


def rates(folder: Path) -> list[Rate]:
    """Of each module under the folder that was changed at all."""
    found = {str(path.relative_to(folder)).removesuffix(_SUFFIX): _codes(path) for path in folder.rglob("*" + _SUFFIX)}
    return [rate(name.replace("/", "."), codes.values()) for name, codes in sorted(found.items()) if codes]


def _codes(path: Path) -> Mapping[str, int | None]:
    codes: Mapping[str, int | None] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
    return codes


def main() -> int:
    found = rates(_FOLDER)
    whole = Rate(
        module="all",
        noticed=sum(one.noticed for one in found),
        survived=sum(one.survived for one in found),
        pending=sum(one.pending for one in found),
    )
    width = max(len(one.module) for one in [*found, whole])
    for one in [*found, whole]:
        pending = f", {one.pending} not tried" if one.pending else ""
        print(f"{one.module:<{width}}  {one.part:6.1%}  {one.noticed} noticed, {one.survived} survived{pending}")
    return int(whole.part < GOAL)


if __name__ == "__main__":
    sys.exit(main())

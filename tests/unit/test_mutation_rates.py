"""What `make mutation` tells is what mutmut found."""

import json
from pathlib import Path

from bench.mutation import Rate, rate, rates


def test_a_mutant_that_no_test_runs_has_survived() -> None:
    assert rate("gate", [1, 1, 36, 0, 33, None]) == Rate(module="gate", noticed=3, survived=2, pending=1)
    assert rate("gate", [1, 1, 36, 0, 33, None]).part == 0.6
    assert rate("gate", []).part == 1.0


def test_each_module_that_was_changed_has_its_rate(tmp_path: Path) -> None:
    for name, codes in {"policy/gate": {"a": 1, "b": 0}, "policy/packs/merge": {"a": 1}, "domain/clock": {}}.items():
        path = tmp_path / f"{name}.py.meta"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"exit_code_by_key": codes}))
    assert [(one.module, one.part) for one in rates(tmp_path)] == [("policy.gate", 0.5), ("policy.packs.merge", 1.0)]

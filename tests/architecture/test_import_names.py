"""`channels` and `workers` are also names of packages on PyPI: what is imported must be ours."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("duecourse", "channels", "workers")


@pytest.mark.parametrize("name", NAMES)
def test_the_name_resolves_inside_the_repository(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == REPOSITORY / name / "__init__.py"


@pytest.mark.parametrize("name", NAMES)
def test_no_other_distribution_claims_the_name(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"duecourse"}


def test_config_is_data_that_cannot_be_imported() -> None:
    assert list((REPOSITORY / "config").rglob("*.py")) == []
    assert not [name for name in packages_distributions().get("config", []) if name != "duecourse"]

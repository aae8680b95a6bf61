"""The pages on configuration tell all that there is, and their examples load."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from duecourse.cadence.files import load_cadences, read_cadence
from duecourse.cadence.rung import Rung
from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule
from duecourse.settings import Delivery, Links, Policy, Provider
from duecourse.settings.keys import VARIABLES
from duecourse.texts import load_library
from duecourse.texts.library import OFFERED

REPOSITORY = Path(__file__).parents[2]


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text("utf-8")


def example(name: str) -> str:
    found = re.search(r"```toml\n(.*?)```", page(name), re.DOTALL)
    assert found is not None
    return found[1]


def test_every_setting_is_described() -> None:
    text = page("configuration.md")
    keys = [f"delivery.{field.name}" for field in fields(Delivery)] + [f"links.{field.name}" for field in fields(Links)]
    keys += [f"policy.{field.name}" for field in fields(Policy)]
    keys += [field.name for field in fields(Provider) if field.name not in {"name", "options"}]
    keys += ["lender", "plan_horizon_h", "allocation_order", "log_format", "max_sms_segments", "quiet_hours.start"]
    lacking = [key for key in keys if f"`{key}`" not in text and f"`.{key.partition('.')[2]}`" not in text]
    assert lacking == []


def test_every_variable_of_the_environment_is_described() -> None:
    source = "".join(path.read_text() for path in (REPOSITORY / "duecourse" / "settings").glob("*.py"))
    read = set(re.findall(r'"((?:DUECOURSE|DATABASE|REDIS)_[A-Z_]+)"', source)) | {
        name for name in VARIABLES if name != "DUECOURSE_INDEX_KEY_FILE"
    }
    assert "DUECOURSE_CLOCK" in read
    assert [name for name in sorted(read) if f"`{name}`" not in page("configuration.md")] == []


@pytest.mark.parametrize("words", [Audience, ChannelKind, StopRule])
def test_the_words_of_a_rung_are_described(words: type[Audience | ChannelKind | StopRule]) -> None:
    text = page("cadences.md") + page("configuration.md")
    assert [word for word in words if f"`{word}`" not in text] == []


def test_the_example_of_a_rung_has_every_key_and_loads() -> None:
    values = tomllib.loads(example("cadences.md"))
    renamed = {"offset_days": "day", "lasts_days": "last_day"}
    assert {renamed.get(field.name, field.name) for field in fields(Rung)} == set(values["rung"][0])
    known = frozenset(("due_tomorrow", channel) for channel in ChannelKind)
    assert read_cadence(values, Path("example.toml"), known).rungs[0].name == "T-1"


def test_the_example_of_a_template_loads_and_every_variable_is_described(tmp_path: Path) -> None:
    (tmp_path / "templates" / "en").mkdir(parents=True)
    (tmp_path / "templates" / "en" / "example.toml").write_text(example("templates.md"))
    assert len(list(load_library(tmp_path))) == 3
    assert [name for name in sorted(OFFERED) if f"`{name}`" not in page("templates.md")] == []


def test_the_table_of_the_ladder_names_every_day_and_hour_that_it_writes_at() -> None:
    [cadence] = load_cadences(REPOSITORY / "config")
    rows = [line for line in page("cadences.md").splitlines() if line.startswith("| T")]
    for rung in cadence.rungs:
        day = f"T{rung.offset_days:+d}" if rung.offset_days else "T0"
        assert any(row.startswith(f"| {day}") and f"{rung.at:%H:%M}" in row for row in rows), rung.name

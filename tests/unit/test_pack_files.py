"""A folder of packs: which files make up one, which of them count, and what `duecourse packs` says about all that."""

import json
import shutil
from dataclasses import fields
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from duecourse.cli.packs import app
from duecourse.domain.errors import ConfigError, InputError
from duecourse.domain.table import Table
from duecourse.policy.packs.clauses import CapScope, CapUnit, StopEffect
from duecourse.policy.packs.headings import OnFail, Strength
from duecourse.policy.packs.model import PARAMS_OF
from duecourse.policy.packs.vocabulary import ActorRole, LenderType, Medium, Override, Purpose, StopEvent
from duecourse.policy.quiet_hours import Quiet
from duecourse.settings.packs import check_quiet, load_pack_set, load_packs, read_packs
from duecourse.settings.policy import policy
from duecourse.settings.values import Policy

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped packs, to break."""
    shutil.copy(CONFIG / "duecourse.toml", tmp_path)
    shutil.copytree(CONFIG / "packs", tmp_path / "packs")
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DUECOURSE_CONFIG_DIR", str(folder))

    def call(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return call


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def said(folder: Path) -> list[str]:
    return [str(error).replace(f"{folder}/packs", "") for error in read_packs(folder).errors]


def test_mistakes_of_several_files_are_told_at_once(folder: Path) -> None:
    edit(folder / "packs/th.toml", 'type = "contact_window"', 'type = "window"')
    edit(folder / "packs/cn-mainland.data.toml", 'type = "social"', 'type = "public"')
    edit(folder / "packs/vn.toml", "[pack]", "[pack")
    found = said(folder)
    assert len(found) == 3
    assert found[0].startswith("/cn-mainland.data.toml: rules[cn.public].type: unknown: 'public'; must be one of")
    assert found[1].startswith("/th.toml: rules[th.window].type: unknown: 'window'")
    assert found[2].startswith("/vn.toml: (file): is no TOML")
    with pytest.raises(ConfigError, match=r"cn-mainland\.data\.toml: .* \(and 2 more: duecourse packs check\)"):
        load_packs(folder)


def test_a_file_is_called_after_its_pack(folder: Path) -> None:
    (folder / "packs/th.toml").rename(folder / "packs/siam.toml")
    assert said(folder) == ["/siam.toml: pack.id: must be siam, as the file is called, not th"]


def test_a_rule_id_belongs_to_one_pack(folder: Path) -> None:
    edit(folder / "packs/vn.toml", 'id = "vn.window"', 'id = "th.window"')
    assert said(folder) == ["/vn.toml: rules[th.window].id: is there already, in th"]


def test_without_a_house_nothing_is_right(folder: Path) -> None:
    for file in (folder / "packs").glob("house*.toml"):
        file.unlink()
    assert said(folder) == [': *.toml: no pack of kind "house": one must be there']


def test_an_empty_folder_is_no_law(tmp_path: Path) -> None:
    assert ["no pack here" in str(error) for error in read_packs(tmp_path).errors] == [True]


def test_the_house_counts_whatever_is_chosen() -> None:
    chosen = load_packs(CONFIG, Policy(packs=("th",)))
    assert [pack.id for pack in chosen] == ["house", "th"]
    assert load_pack_set(CONFIG, Policy(packs=("th",), opt_in=("th.once_a_day",))).opt_in == {"th.once_a_day"}


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [
        ({"packs": ("tha",)}, "duecourse.toml: policy.packs: no such pack: 'tha'; did you mean 'th'?"),
        ({"opt_in": ("th.once_day",)}, "policy.opt_in: no such rule: 'th.once_day'; did you mean 'th.once_a_day'?"),
        ({"packs": ("vn",), "opt_in": ("th.once_a_day",)}, "policy.opt_in: no such rule: 'th.once_a_day'"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(wishes: dict[str, tuple[str, ...]], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_packs(CONFIG, Policy(**wishes))  # type: ignore[arg-type]
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("start", "end", "first"),
    [("20:00", "09:00", None), ("19:00", "09:00", None), ("18:59", "09:00", "18:59"), ("20:00", "09:01", "09:00"),
     ("12:00", "13:00", "12:00")],
)  # fmt: skip
def test_hours_that_the_settings_close_must_be_closed_by_the_house(start: str, end: str, first: str | None) -> None:
    quiet = Quiet(start=time.fromisoformat(start), end=time.fromisoformat(end))
    problems = [error.problem for error in check_quiet(load_packs(CONFIG), quiet)]
    assert len(problems) == (5 if first else 0)
    assert all(problem.startswith(f"the house's packs open {first} for ") for problem in problems)
    if first:
        with pytest.raises(ConfigError, match=r"duecourse\.toml: quiet_hours: the house's packs open"):
            load_pack_set(CONFIG, Policy(), quiet)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"packs": ["th", "th"]}, "policy.packs: names the same twice"),
        ({"packs": "th"}, "policy.packs: must be a list"),
        ({"lender_country": "USA"}, "policy.lender_country: 'USA' is no country"),
        ({"lender_role": "bank"}, "policy.lender_role: unknown: 'bank'; must be one of first_party"),
        ({"lender_type": "shark"}, "policy.lender_type: unknown: 'shark'; must be one of bank"),
        ({"lender": "x"}, "policy.lender: unknown key"),
    ],
)
def test_a_wrong_policy_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        policy(Table(values, file="duecourse.toml", path="policy."))
    assert str(refused.value).startswith(f"duecourse.toml: {complaint}")


def test_a_policy_says_who_the_lender_is_and_blank_is_unknown() -> None:
    given = {"lender_country": "IN", "lender_role": "assignee", "lender_type": "bank", "packs": ["in"], "opt_in": []}
    assert policy(Table(given, file="f")) == Policy(
        packs=("in",), lender_country="IN", lender_role=ActorRole.ASSIGNEE, lender_type=LenderType.BANK
    )
    assert policy(Table({"lender_country": "", "lender_type": ""}, file="f")) == Policy()


def test_check_says_that_all_is_right_or_every_mistake(run: Any, folder: Path) -> None:
    done = run("check")
    assert (done.exit_code, "packs are right" not in done.output) == (0, False)
    edit(folder / "packs/th.toml", 'grade = "B"', 'grade = "Z"')
    edit(folder / "packs/vn.toml", "max = 5", "maximum = 5")
    done = run("check")
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[2] for line in errors] == [
        "sources.dca2558.grade",
        "rules[vn.reminders5].params.maximum",
        "rules[vn.reminders5].params.max",
    ]
    told = json.loads(run("check", "--json").stdout)
    assert (told["ok"], told["problems"][0]["key"]) == (False, "sources.dca2558.grade")
    assert run("list").exit_code == run("show", "mx").exit_code == 1


def test_list_counts_what_is_enforced_on_a_day(run: Any) -> None:
    def enforced(*words: str) -> int:
        rows = json.loads(run("list", "--json", *words).stdout)
        [row] = [row for row in rows if row["pack"] == "us-federal"]
        assert row["rules"] == row["enforced"] + row["reported"]
        return int(row["enforced"])

    before, after = enforced(), enforced("--on", "2027-01-31")
    assert (after - before, enforced("--on", "2020-01-01")) == (1, 0)
    assert "us-federal" in run("list").stdout


def test_show_tells_each_rule_with_its_article_and_why_it_is_not_enforced(run: Any) -> None:
    lines = run("show", "th").stdout.splitlines()
    [window] = [line for line in lines if line.startswith("th.window")]
    [once] = [line for line in lines if line.startswith("th.once_a_day")]
    assert "Mon-Fri 08:00-20:00" in window
    assert "Debt Collection Act B.E. 2558, s. 9" in window
    assert window.split()[-1] == "yes"
    assert once.rstrip().endswith("no: grade C")
    told = json.loads(run("show", "th", "--json").stdout)
    assert told["standing"]["th.once_a_day"]["why_not"] == "grade C"
    assert told["rules"][0]["params"]["allow"][0]["from"] == "08:00"


def test_diff_compares_two_packs_or_two_versions_of_a_file(run: Any, folder: Path, tmp_path: Path) -> None:
    newer = tmp_path / "th.toml"
    shutil.copy(folder / "packs/th.toml", newer)
    assert "say the same" in run("diff", "th", str(newer)).stdout
    edit(newer, 'version = "1.0.0"', 'version = "1.1.0"')
    edit(newer, 'to = "18:00"', 'to = "17:00"')
    done = run("diff", "th", str(newer))
    assert done.exit_code == 0
    version, hours = done.stdout.splitlines()
    assert version == 'pack: version: "1.0.0" -> "1.1.0"'
    assert hours.startswith("rule th.window: params.allow: ")
    assert 'to = "17:00"' in hours
    told = json.loads(run("diff", "br-sp", "br-rj", "--json").stdout)
    assert {"place": "rule", "id": "br.sp.window", "how": "removed"}.items() <= told["changes"][-2].items()


def test_duties_are_those_of_all_packs_that_apply_and_the_strictest_wins(run: Any) -> None:
    ours, theirs = (run("duties", "US-CA", *more).stdout for more in ((), ("--role", "third_party_agency")))
    assert "us-nyc" not in ours
    assert all("each collection record is kept at least 5 years" in told for told in (ours, theirs))
    assert "us.regf.retention" not in ours
    assert "house.retention.contacts, us.regf.retention" in theirs
    # The law's ten business days are more than the house takes.
    assert "heard for the whole channel within 1 hour" in ours
    told = json.loads(run("duties", "BR-SP", "--json").stdout)
    assert [name.partition("@")[0] for name in told["packs"]] == ["br", "br-sp", "house"]
    assert told["duties"]["kept"]["collection_record"]["min"] == {"months": 60, "days": 0}
    assert told["duties"]["complaint_stages"] == [{"deadline": {"n": 15, "clock": "calendar_days"}, "condition": None}]


def test_duties_that_cannot_all_be_kept_are_left_to_a_person(run: Any, folder: Path) -> None:
    law = """
[[rules]]
id = "th.forget"
type = "retention"
source = "dca2558"
params = {object = "collection_record", max = "P1Y"}
"""
    th = folder / "packs/th.toml"
    th.write_text(th.read_text("utf-8").replace("[[rules]]", law + "\n[[rules]]", 1), "utf-8")
    lines = run("duties", "TH").stdout.splitlines()
    assert "for a person to decide" in lines[-1]
    assert "th.forget" in lines[-1]


@pytest.mark.parametrize("place", ["Mars", "us", "US-", "XX-SP"])
def test_duties_are_asked_of_a_place(run: Any, place: str) -> None:
    done = run("duties", place)
    assert isinstance(done.exception, InputError)


@pytest.mark.parametrize(
    ("name", "problem"), [("xx", "no pack 'xx'; the packs are au"), ("./x.toml", "cannot be read")]
)
def test_a_pack_that_is_not_there_is_named(run: Any, name: str, problem: str) -> None:
    done = run("show", name)
    assert done.exit_code == 1
    assert problem in done.stderr or (isinstance(done.exception, InputError) and problem in str(done.exception))


def test_the_example_of_the_page_is_a_whole_pack(folder: Path) -> None:
    page = (CONFIG.parent / "docs/packs.md").read_text("utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    (folder / "packs/example.toml").write_text(example, "utf-8")
    assert said(folder) == []


def test_the_page_describes_every_type_parameter_and_word() -> None:
    page = (CONFIG.parent / "docs/packs.md").read_text("utf-8")
    types = [(kind.value, params) for kind, params in PARAMS_OF.items()]
    lacking = [kind for kind, _ in types if f"| `{kind}` |" not in page]
    lacking += [f"{kind}.{f.name}" for kind, params in types for f in fields(params) if f"`{f.name}`" not in page]
    closed = (
        Medium,
        Purpose,
        ActorRole,
        LenderType,
        Override,
        Strength,
        OnFail,
        CapUnit,
        CapScope,
        StopEvent,
        StopEffect,
    )
    assert lacking + [word.value for words in closed for word in words if f"`{word.value}`" not in page] == []

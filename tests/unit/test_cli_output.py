import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from duecourse.cli import output
from duecourse.domain.contact import ContactState
from duecourse.domain.errors import ConfigError, InputError
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision


def raised(error: BaseException) -> BaseException:
    """The same with a trace."""
    with pytest.raises(type(error)) as caught:
        fail(error)
    return caught.value


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("row 3:\n amount"), 1, "error: row 3: amount\n"),
        (ConfigError(file="a.toml", key="rate", problem="is missing"), 2, "error: a.toml: rate: is missing\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_of_ours_is_one_line_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.report_error(raised(error)) == code
    assert capsys.readouterr().err == said


def test_an_unexpected_error_shows_its_type_and_never_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.report_error(raised(ValueError("+12025550143"))) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected ValueError at test_cli_output.py:")
    assert "hint: " in said
    assert "2025550143" not in said


def test_json_understands_our_values(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict(decision=Decision.ALLOW, rules=("a",))
    output.print_json({"v": verdict, "s": ContactState.PLANNED, "d": date(2018, 4, 16), "m": Decimal("1.50"), "n": {2}})
    told = json.loads(capsys.readouterr().out)
    assert told["v"]["decision"] == "allow"
    assert (told["s"], told["d"], told["m"], told["n"]) == ("planned", "2018-04-16", "1.50", [2])


def test_json_refuses_what_it_cannot_say_exactly() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        output.print_json(object())


def test_a_table_in_a_pipe_cuts_nothing_and_takes_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 200
    output.print_table(("id", "reason"), [(1, long), (None, "[bold]kept[/bold]")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert long in lines[1]
    assert "[bold]kept[/bold]" in lines[2]


def test_instants_are_shown_in_utc() -> None:
    assert output.shown(datetime(2018, 4, 16, 9, 30, tzinfo=UTC)) == "2018-04-16 09:30:00Z"

"""The page of jurisdictions: what the shipped packs say, place by place. Written from the packs by `make docs`."""

from collections.abc import Iterable, Sequence
from datetime import date

from duecourse.policy.packs.binding import Days, why_not_enforced
from duecourse.policy.packs.headings import PackKind, RuleType
from duecourse.policy.packs.model import Pack, Rule
from duecourse.policy.packs.vocabulary import ActorRole
from duecourse.policy.rule_words import plain, rule_in_words

_ABOUT = """What the packs in `config/packs` say, on the day up to which each is known. **Bold** is enforced: its source
is in force, and its text was read (A) or two reports agree (B). Everything else is only reported, unless
`[policy] opt_in` names it. How to read and write packs: [packs.md](packs.md). Not legal advice."""
_FEW = 3
"""More words than this make a cell hard to read."""
_EVERYBODY_ELSE = frozenset(ActorRole) - {ActorRole.FIRST_PARTY}


def jurisdictions_page(packs: Sequence[Pack]) -> str:
    """An overview of hours and caps, then every rule of every pack, as Markdown."""
    ordered = sorted(packs, key=lambda pack: (pack.kind is not PackKind.HOUSE, pack.title))
    overview = _table(("place", "hours", "how often", "enforced", "known to"), map(_summary, ordered))
    return "\n\n".join(["# Jurisdictions", _ABOUT, overview, *map(_section, ordered)]) + "\n"


def why_reported(pack: Pack, rule: Rule, on: date) -> str | None:
    """Why the rule is not enforced on that day; None where it is."""
    return None if pack.kind is PackKind.HOUSE else why_not_enforced(rule, pack.sources[rule.source], Days(on, on))


def whom(rule: Rule) -> str:
    """Whom and when it binds, where it does not bind everybody: `third parties; dpd <= 15`."""
    roles = "third parties" if rule.actor_roles == _EVERYBODY_ELSE else plain(rule.actor_roles)
    facts = " and ".join(f"{one.fact.replace('_', ' ')} {one.op} {one.value}" for one in rule.when)
    topics = plain(rule.purposes) if len(rule.purposes) <= _FEW else ""
    return "; ".join(part for part in (roles, plain(rule.lender_types), topics, facts) if part)


def cited(pack: Pack, rule: Rule) -> str:
    """Instrument and article."""
    title = pack.sources[rule.source].title
    return f"{title}, {rule.pinpoint}" if rule.pinpoint else title


def grade_of(pack: Pack, rule: Rule) -> str:
    return (rule.grade or pack.sources[rule.source].grade).value


def _summary(pack: Pack) -> tuple[str, ...]:
    enforced = sum(why_reported(pack, rule, pack.as_of) is None for rule in pack.rules)
    return (
        f"[{pack.title}](#{pack.id})",
        _said(pack, RuleType.CONTACT_WINDOW),
        _said(pack, RuleType.FREQUENCY_CAP),
        f"{enforced} of {len(pack.rules)}",
        pack.as_of.isoformat(),
    )


def _said(pack: Pack, kind: RuleType) -> str:
    return "<br>".join(_marked(pack, rule) for rule in pack.rules if rule.type is kind) or "-"


def _marked(pack: Pack, rule: Rule) -> str:
    words = rule_in_words(rule).removeprefix("only ")
    only = f" ({whom(rule)})" if whom(rule) else ""
    why = why_reported(pack, rule, pack.as_of)
    return f"{words}{only} [{why}]" if why else f"**{words}**{only}"


def _section(pack: Pack) -> str:
    head = f'<a id="{pack.id}"></a>\n\n## {pack.title}\n\nPack `{pack.id}`, version {pack.version}.'
    columns = ("rule", "what it demands", "of whom", "source", "grade", "enforced")
    return f"{head}\n\n" + _table(columns, (_row(pack, rule) for rule in pack.rules))


def _row(pack: Pack, rule: Rule) -> tuple[str, ...]:
    why = why_reported(pack, rule, pack.as_of)
    channels = f"[{', '.join(sorted(rule.channels))}] " if len(rule.channels) in range(1, _FEW + 1) else ""
    return (
        f"`{rule.id}`",
        channels + rule_in_words(rule),
        whom(rule) or "everybody",
        cited(pack, rule),
        grade_of(pack, rule),
        f"no: {why}" if why else "**yes**",
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)

"""Reads a template's words for their tone, a sample in place of each variable, before anything is sent with it."""

import re
from collections.abc import Callable
from dataclasses import replace

from duecourse.domain.errors import ConfigError
from duecourse.policy.tone import Finding, Sender, ToneChannel, ToneContext, ToneGuard

#: Nobody vouches for a legal step or an offer's end when a template is written: what needs that is no template's.
_CONTEXT = ToneContext(sender=Sender.LENDER)
_TAG = re.compile(r"\{\{\s*(\w+)[^}]*\}\}|\{%.*?%\}|\{#.*?#\}|<!--.*?-->|<[^<>]*>", re.DOTALL)
_SAMPLES = {"total": "$88.00", "name": "Ann", "due_on": "June 1", "lender": "Acme", "count": "2"}
_LONGEST_QUOTE = 60


def refuse_tone(guard: ToneGuard, words: str, *, channel: ToneChannel, error: Callable[[str], ConfigError]) -> None:
    """Raise what `error` makes of the first thing that is wrong with these words of a template."""
    shown = _with_samples(words)
    findings = guard.lint(shown, replace(_CONTEXT, channel=channel))
    if findings:
        raise error(_problem(findings[0], words))


def _with_samples(words: str) -> str:
    """The words with a sample for each variable and without tags, every character where it was."""
    return _TAG.sub(lambda tag: _sample(tag[1]).ljust(len(tag[0]))[: len(tag[0])], words)


def _sample(variable: str | None) -> str:
    return _SAMPLES.get(variable, "x") if variable else ""


def _problem(finding: Finding, words: str) -> str:
    quoted = words[finding.start : finding.end]
    if len(quoted) > _LONGEST_QUOTE:
        quoted = quoted[: _LONGEST_QUOTE - 1] + "…"
    return (
        f"{finding.category} ({finding.rule}, {finding.severity}) at characters {finding.start}-{finding.end},"
        f" {quoted!r}. {finding.suggestion}"
    )

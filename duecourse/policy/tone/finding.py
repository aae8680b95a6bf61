"""One thing that is wrong with a text, and how to say it better."""

from dataclasses import dataclass

from duecourse.policy.tone.vocabulary import Category, Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`text[start:end]` of the text as it was given is what is wrong."""

    category: Category
    rule: str
    """The rule's id; `model.zh` or `model.en` where the classifier alone objects."""
    severity: Severity
    start: int
    end: int
    suggestion: str

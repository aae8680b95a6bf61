"""What can go wrong, ordered by what the caller can do about it.

    DuecourseError
    |-- InputError          the caller's data is wrong: name the field or row, change nothing
    |-- ConfigError         a file of ours is wrong: name the file and key, refuse to start
    |-- StoreUnavailable    Postgres or Redis cannot be reached: try again later
    |-- TemplateError       a text cannot be rendered: this contact does not leave
    |-- NotReachable        an address is not, or no longer, the debtor's to be written to: this contact does not leave
    '-- SealBroken          an encrypted value does not belong where it stands, or its key is gone

No message carries personal data: ids, field names and codes only.
"""


class DuecourseError(Exception):
    """The root of all errors that we raise on purpose."""


class InputError(DuecourseError):
    """Data from outside was refused; nothing was changed."""


class ConfigError(DuecourseError):
    """A configuration file is wrong."""

    def __init__(self, *, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}")
        self.file = file
        self.key = key
        self.problem = problem


class StoreUnavailable(DuecourseError):
    """Postgres or Redis cannot be reached."""


class TemplateError(DuecourseError):
    """A text cannot be rendered from what is known."""


class NotReachable(DuecourseError):
    """An address at which the debtor may not be reached."""


class SealBroken(DuecourseError):
    """An encrypted value failed authentication, or its key was destroyed."""

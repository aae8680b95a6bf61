"""Finds the adapter that a provider's file names: an entry point, so another installed package may bring it."""

from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from channels.base import provider_file
from duecourse.domain.errors import ConfigError
from duecourse.ports import Channel
from duecourse.settings import Provider

GROUP = "duecourse.channels"


class Factory(Protocol):
    """What an entry point names."""

    def __call__(self, provider: Provider, /) -> Channel: ...


def adapters() -> tuple[str, ...]:
    """The names that `adapter` may have here, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def build(provider: Provider) -> Channel:
    """The provider's channel, not opened yet.

    Raises:
        ConfigError: nobody here has such an adapter, two packages claim it, it cannot be loaded, or it refuses
            an option.
    """
    return _load(_point(provider), provider)(provider)


def _point(provider: Provider) -> EntryPoint:
    named = {point.value: point for point in entry_points(group=GROUP) if point.name == provider.adapter}
    if not named:
        raise _error(provider, f"unknown: {provider.adapter!r}; must be one of {', '.join(adapters())}")
    if len(named) > 1:
        raise _error(provider, f"{provider.adapter!r} is claimed by {' and '.join(sorted(named))}")
    return next(iter(named.values()))


def _load(point: EntryPoint, provider: Provider) -> Factory:
    try:
        return cast("Factory", point.load())
    except (ImportError, AttributeError) as exc:
        raise _error(provider, f"{point.value} cannot be loaded: {exc}") from exc


def _error(provider: Provider, problem: str) -> ConfigError:
    return ConfigError(file=provider_file(provider), key="adapter", problem=problem)

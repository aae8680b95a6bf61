"""The settings in force, for a person to read: nothing secret is in it."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from duecourse.domain.table import read_toml
from duecourse.routing.route import Route
from duecourse.settings.values import Provider, Settings

MASK = "***"
_SECRET_NAME = re.compile(r"key|secret|token|pass|auth|credential|private|sid\b", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)")


def masked(settings: Settings) -> dict[str, Any]:
    """Every setting by name; of keys only the versions, of URLs no password."""
    shown = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    return shown | {
        "database_url": mask_url(settings.database_url),
        "owner_database_url": mask_url(settings.owner_database_url),
        "redis_url": mask_url(settings.redis_url),
        "broker_url": mask_url(settings.broker_url or settings.redis_url),
        "config_dir": str(settings.config_dir),
        "master_keys": dict.fromkeys(sorted(settings.master_keys), MASK),
        "index_key": MASK,
        "allocation_order": [component.value for component in settings.allocation_order],
        "quiet": {name: at.isoformat("minutes") for name, at in asdict(settings.quiet).items()},
        "delivery": asdict(settings.delivery),
        "links": asdict(settings.links),
        "policy": asdict(settings.policy),
        "routes": [_route(route) for route in settings.routes],
        "providers": [_provider(provider, settings.config_dir) for provider in settings.providers],
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "channel": route.channel.value,
        "needs": [need.value for need in route.needs],
        "deadlines": asdict(route.deadlines) if route.deadlines else None,
        "spill_s": route.spill_s,
        "health": asdict(route.health),
        "providers": [
            {
                "name": lane.provider,
                "weight": lane.weight,
                "cost_minor": str(lane.cost_minor) if lane.cost_minor is not None else None,
                "currency": lane.currency,
                "countries": sorted(lane.countries),
            }
            for lane in route.lanes
        ],
    }


def mask_url(url: str) -> str:
    """The URL without its password; what is no URL is hidden whole."""
    if not url:
        return ""
    parts = urlsplit(url)
    if not parts.scheme or "password" in parts.query:
        return MASK
    account, at, host = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    return urlunsplit(parts._replace(netloc=user + (f":{MASK}" if colon else "") + at + host))


def _provider(provider: Provider, config_dir: Path) -> dict[str, Any]:
    written = read_toml(config_dir / "providers" / f"{provider.name}.toml").get("options", {})
    return asdict(provider) | {"options": _options(provider.options, written)}


def _options(options: Mapping[str, Any], written: Any) -> dict[str, Any]:
    """Hidden is what sounds secret, in its own name or its variable's, and passwords within URLs."""
    written = written if isinstance(written, Mapping) else {}
    return {name: _option(name, value, written.get(name)) for name, value in options.items()}


def _option(name: str, value: Any, written: Any) -> Any:
    variables = " ".join(_VARIABLE.findall(str(written)))
    if _SECRET_NAME.search(name) or _SECRET_NAME.search(variables):
        return MASK
    if isinstance(value, Mapping):
        return _options(value, written)
    return mask_url(value) if isinstance(value, str) and "://" in value else value

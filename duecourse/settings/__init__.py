"""Configuration as typed values, built once from `config/` and the environment and passed in."""

from duecourse.policy.quiet_hours import Quiet
from duecourse.settings.keys import ensure_keys
from duecourse.settings.load import CONFIG_DIR_VARIABLE, find_config_dir, load
from duecourse.settings.values import Delivery, Links, Policy, Provider, Settings

__all__ = [
    "CONFIG_DIR_VARIABLE",
    "Delivery",
    "Links",
    "Policy",
    "Provider",
    "Quiet",
    "Settings",
    "ensure_keys",
    "find_config_dir",
    "load",
]

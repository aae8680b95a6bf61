"""A report as a picture: messages a second, each way, beside the bare actor. Needs no library."""

from collections.abc import Mapping
from html import escape
from typing import Any

_BARS = (
    ("celery_per_s", "Celery prefork task, only POSTs", "#8a8f98"),
    ("bare_dramatiq_per_s", "Dramatiq actor, only POSTs", "#8a8f98"),
    ("governed_single_per_s", "Duecourse, one message a call", "#0b7a75"),
    ("governed_batch_per_s", "Duecourse, 100 messages a call", "#0b7a75"),
    ("http_ceiling_per_s", "ceiling: prepared requests, only POSTs", "#c9ccd1"),
)
_BASE = "bare_dramatiq_per_s"
_WIDTH, _ROW, _TOP, _LEFT, _RIGHT = 760, 38, 58, 268, 130
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"


def chart(report: Mapping[str, Any]) -> str:
    """An SVG document. Ways that were not measured are left out."""
    bars = [(report[key], label, colour) for key, label, colour in _BARS if report.get(key)]
    most = max((value for value, _, _ in bars), default=1.0)
    height = _TOP + _ROW * len(bars) + 34
    rows = "".join(
        _bar(place, bar, most=most, base=report.get(_BASE) or 0.0) for place, bar in enumerate(bars)
    )  # fmt: skip
    where = escape(f"{report.get('cores', '?')} cores, {report.get('processor', '')}, everything on one machine")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-family="{_FONT}">\n'
        f"<title>Messages a second, side by side on one sink</title>\n"
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>\n'
        f'<text x="24" y="30" font-size="17" font-weight="600" fill="#1c1f23">Messages a second, on one sink</text>\n'
        f"{rows}"
        f'<text x="24" y="{height - 12}" font-size="12" fill="#5c636b">{where}</text>\n'
        "</svg>\n"
    )


def _bar(place: int, bar: tuple[float, str, str], *, most: float, base: float) -> str:
    value, label, colour = bar
    top, long = _TOP + _ROW * place, (_WIDTH - _LEFT - _RIGHT) * value / most
    y, ink = top + 19, "#1c1f23"
    told = f"{value:,.0f}" + (f"  ({value / base:.1f}x)" if base else "")
    return (
        f'<text x="{_LEFT - 12}" y="{y}" font-size="13" text-anchor="end" fill="{ink}">{escape(label)}</text>\n'
        f'<rect x="{_LEFT}" y="{top + 2}" width="{long:.1f}" height="{_ROW - 13}" rx="3" fill="{colour}"/>\n'
        f'<text x="{_LEFT + long + 8:.1f}" y="{y}" font-size="13" font-weight="600" fill="{ink}">{told}</text>\n'
    )

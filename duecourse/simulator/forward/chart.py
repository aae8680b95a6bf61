"""A report's pictures: inline SVG whose colours come from the page, so that they follow light and dark. No library."""

from collections.abc import Mapping, Sequence
from html import escape

_FONT = 'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif"'
_WIDTH = 760
_ROW, _LABELS, _FIGURES = 26, 210, 90
_HEIGHT, _LEFT, _TOP, _BOTTOM = 220, 44, 12, 26


def legend(names: Sequence[str]) -> str:
    """Which colour is what, in the order that `columns` and `bars` give them."""
    chips = "".join(
        f'<span class="chip"><i class="swatch f{place}"></i>{escape(name)}</span>' for place, name in enumerate(names)
    )
    return f'<p class="legend">{chips}</p>'


def columns(title: str, stacks: Sequence[tuple[str, Mapping[str, float]]], names: Sequence[str]) -> str:
    """Upright stacks, one per label: the days of a month, the hours of a day."""
    most = max((sum(parts.values()) for _, parts in stacks), default=0) or 1
    step = (_WIDTH - _LEFT) / max(len(stacks), 1)
    high = _HEIGHT - _TOP - _BOTTOM
    body = "".join(_column(place, stack, names, step=step, scale=high / most) for place, stack in enumerate(stacks))
    return _svg(title, _HEIGHT, _grid(most, high) + body)


def bars(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], names: Sequence[str]) -> str:
    """Lying stacks, one per row, with their sums."""
    most = max((sum(parts.values()) for _, parts in rows), default=0) or 1
    scale = (_WIDTH - _LABELS - _FIGURES) / most
    return _svg(title, _ROW * len(rows) + 6, "".join(_bar(n, row, names, scale) for n, row in enumerate(rows)))


def whiskers(title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Differences in percent of the base with their intervals: (label, low, mean, high), about a line at zero."""
    most = max((abs(edge) for _, *edges in rows for edge in edges), default=0) or 1
    middle, scale = (_LABELS + _WIDTH - _FIGURES) / 2, (_WIDTH - _LABELS - _FIGURES) / 2 / most
    line = f'<line class="axis" x1="{middle:.1f}" x2="{middle:.1f}" y1="0" y2="{_ROW * len(rows)}"/>'
    body = "".join(_whisker(n, row, middle=middle, scale=scale) for n, row in enumerate(rows))
    return _svg(title, _ROW * len(rows) + 6, line + body)


def _svg(title: str, height: float, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" {_FONT} font-size="12"><title>{escape(title)}</title>'
        f"{body}</svg>"
    )


def _grid(most: float, high: float) -> str:
    lines = []
    for part in (0.0, 0.5, 1.0):
        y = _TOP + high * (1 - part)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(
            f'<text class="quiet" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_round(most * part)}</text>'
        )
    return "".join(lines)


def _round(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 or amount == 0 else f"{amount:.1f}"  # noqa: PLR2004


def _column(
    place: int, stack: tuple[str, Mapping[str, float]], names: Sequence[str], *, step: float, scale: float
) -> str:
    label, parts = stack
    x, y, drawn = _LEFT + place * step + 1, float(_HEIGHT - _BOTTOM), []
    for colour, name in enumerate(names):
        size = parts.get(name, 0) * scale
        if size:
            y -= size
            drawn.append(
                f'<rect class="f{colour}" x="{x:.1f}" y="{y:.1f}" width="{max(step - 2, 1):.1f}" height="{size:.1f}">'
                f"<title>{escape(label)}: {_round(parts[name])} {escape(name)}</title></rect>"
            )
    # Every label where there is room, else every fifth.
    if step > 40 or place % 5 == 0:  # noqa: PLR2004
        drawn.append(f'<text class="quiet" x="{x:.1f}" y="{_HEIGHT - 8}">{escape(label)}</text>')
    return "".join(drawn)


def _bar(place: int, row: tuple[str, Mapping[str, float]], names: Sequence[str], scale: float) -> str:
    label, parts = row
    y, x = place * _ROW, float(_LABELS)
    drawn = [f'<text class="ink" x="{_LABELS - 10}" y="{y + 16}" text-anchor="end">{escape(label)}</text>']
    for colour, name in enumerate(names):
        size = parts.get(name, 0) * scale
        if size:
            drawn.append(
                f'<rect class="f{colour}" x="{x:.1f}" y="{y + 4}" width="{size:.1f}" height="{_ROW - 9}">'
                f"<title>{escape(label)}: {_round(parts[name])} {escape(name)}</title></rect>"
            )
            x += size
    drawn.append(f'<text class="ink" x="{x + 6:.1f}" y="{y + 16}">{sum(parts.values()):,.0f}</text>')
    return "".join(drawn)


def _whisker(place: int, row: tuple[str, float, float, float], *, middle: float, scale: float) -> str:
    label, low, mean, high = row
    y = place * _ROW + 13
    left, dot, right = (middle + edge * scale for edge in (low, mean, high))
    clear = "f0" if low > 0 or high < 0 else "f3"
    return (
        f'<text class="ink" x="{_LABELS - 10}" y="{y + 4}" text-anchor="end">{escape(label)}</text>'
        f'<line class="whisker" x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="{clear}" cx="{dot:.1f}" cy="{y}" r="5"/>'
        f'<text class="ink" x="{_WIDTH - _FIGURES + 8}" y="{y + 4}">{mean:+.1f} %</text>'
    )

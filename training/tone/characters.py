"""Writes config/tone/characters.toml from pypinyin's readings and OpenCC's variants: `make tone-characters`."""

import json
from pathlib import Path

from opencc import OpenCC
from pypinyin import Style, lazy_pinyin

CONFIG = Path(__file__).resolve().parents[2] / "config" / "tone"
#: Letters that look like Latin ones and that Unicode's compatibility forms do not fold.
LOOK_ALIKE = (
    "аеорсухіјѕһԁԛԝвнкмтгпзьяАВЕКМНОРСТУХІЈЅαβεηικνορτυχγωΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡɩʀʏßøłđ§",
    "aeopcyxijshdqwbhkmtrnzbrabekmhopctyxijsabeniknoptuxywabezhikmnoptyxiagirybolds",
)
#: Chinese characters that stand in for others, and marks used as such.
WRITTEN_FOR = {"徵": "征", "仮": "假", "囗": "口", "氵": "水", "亻": "人"} | dict.fromkeys("妳祢尓沵伱", "你")


def simplified() -> dict[str, str]:
    """Traditional characters to simplified ones, of those that stand for one character."""
    folded = OpenCC("t2s")
    found = {}
    for code in range(0x4E00, 0xA000):
        char = chr(code)
        plain = folded.convert(char)
        if plain != char and len(plain) == 1:
            found[char] = plain
    return found | WRITTEN_FOR


def readings() -> dict[str, str]:
    """Syllable without tone to the characters of GB 2312 that are read so."""
    found: dict[str, list[str]] = {}
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                char = bytes((row, cell)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            (syllable,) = lazy_pinyin(char, style=Style.NORMAL, v_to_u=False)
            if syllable.isascii() and syllable.isalpha():
                found.setdefault(syllable, []).append(char)
    return {syllable: "".join(chars) for syllable, chars in sorted(found.items())}


def write() -> None:
    variants = simplified()
    pairs = {"look_alike": LOOK_ALIKE, "traditional": ("".join(variants), "".join(variants.values()))}
    lines = [
        "# Characters as they are meant and read. Made by training/tone/characters.py from pypinyin (MIT) and OpenCC",
        "# (Apache-2.0); see NOTICE. Do not edit.",
    ]
    for name, (written, meant) in pairs.items():
        lines += ["", f"[{name}]", f"written = {json.dumps(written, ensure_ascii=False)}"]
        lines += [f"meant = {json.dumps(meant, ensure_ascii=False)}"]
    lines += ["", "[readings]", *(f'{syllable} = "{chars}"' for syllable, chars in readings().items())]
    (CONFIG / "characters.toml").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write()

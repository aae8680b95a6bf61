"""Templates to texts: Jinja2 in a sandbox, formats by locale, SMS segments. Implements `ports.Texts`."""

from duecourse.texts.library import Library, load_library
from duecourse.texts.renderer import JinjaTexts
from duecourse.texts.segments import segments

__all__ = ["JinjaTexts", "Library", "load_library", "segments"]

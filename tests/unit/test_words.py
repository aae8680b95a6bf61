"""However a template is rendered, it says what Jinja says."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.sandbox import ImmutableSandboxedEnvironment

from duecourse.texts.words import compiled

PLAIN = Environment(trim_blocks=True, lstrip_blocks=True)
MARKUP = ImmutableSandboxedEnvironment(autoescape=True)
letters = st.text(max_size=5).filter(lambda text: not set(text) & set("{}#%"))
pieces = st.one_of(
    letters,
    st.sampled_from([
        "{{ name }}", "{{ count -}}", "\n  {{- items }}\n", "{ ", " }", " {} ", "%s", "{{ '{' }}", "{# aside #}",
        "{% raw %}{{ name }}{% endraw %}", "{% if name %}\nyes\n{% endif %}", "{{ name | upper }}",
    ]),
)  # fmt: skip
values = st.fixed_dictionaries({"name": st.text(), "count": st.integers(), "items": st.tuples(st.text())})


@given(source=st.lists(pieces, max_size=8).map("".join), values=values)
def test_a_template_says_what_jinja_says(source: str, values: Mapping[str, Any]) -> None:
    for env in (PLAIN, MARKUP):
        assert compiled(env, source)(values) == env.from_string(source).render(values)


def test_mere_words_and_variables_do_not_need_jinja_and_markup_does() -> None:
    assert compiled(PLAIN, "{Hi} {{ name }}").__self__ == "{{Hi}} {name}"  # type: ignore[attr-defined]
    assert compiled(MARKUP, "{{ name }}")({"name": "<b>"}) == "&lt;b&gt;"

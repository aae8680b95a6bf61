"""The guard's data: read strictly, trained from what lies beside it, and good enough on texts that it never learned."""

import json
import re
import shutil
from pathlib import Path

import pytest

from duecourse.domain.errors import ConfigError, InputError
from duecourse.policy.tone import Category, LegalStatus, OfferExpiry, Recipient, Sender, ToneChannel, ToneContext
from duecourse.policy.tone.evaluation import Sample, evaluate
from duecourse.policy.tone.lexicon import Hit
from duecourse.policy.tone.vocabulary import Language
from duecourse.settings.tone import ContextWords, load_tone
from duecourse.texts import load_library
from training.tone.texts import made_from, read_texts

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
TRAINING = REPOSITORY / "training" / "tone"
#: Labelled texts that are never learned from; docs/tone.md says how each came about.
SETS = ("held_out.jsonl", "fresh.jsonl", "blind_a.jsonl", "blind_b.jsonl")
#: Of each set what is found and wrongly flagged today; docs/tone.md says what it was before its errors were read.
REACHED = {
    "held_out.jsonl": (0.99, 0.0),
    "fresh.jsonl": (0.95, 0.0),
    "blind_a.jsonl": (0.93, 0.015),
    "blind_b.jsonl": (0.95, 0.015),
}
#: The right category is named for at least this share of the violations of each set.
RIGHTLY_NAMED = 0.87
GREETING = 'variables = ["name"]\n[sms]\ntext = "Hi {{ name }}, WORDS"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the guard's data, to break."""
    shutil.copytree(CONFIG / "tone", tmp_path / "tone")
    return tmp_path


def broken(folder: Path, name: str, old: str, new: str) -> ConfigError:
    path = folder / "tone" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_tone(folder)
    return caught.value


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "problem"),
    [
        ("zh.toml", 'all = ["harm"', 'all = ["harn"', "rule[0].all", "no list of words is named harn"),
        ("zh.toml", 'unless = ["denial"', 'unless = ["denail"', "rule[0].unless", "no list of words is named denail"),
        ("en.toml", 'category = "threat_of_violence"', 'category = "rude"', "rule[0].category", "unknown: 'rude'"),
        ("en.toml", "within = 70", "within = 0", "rule[0].within", "must be from 1"),
        ("en.toml", 'id = "en.violence.harm"', 'id = "Harm"', "rule[0].id", "words with dots"),
        ("en.toml", "amount = '(", "amount = '((", "patterns.amount", "is no regular expression"),
        ("en.toml", 'we = "we, i', 'we = "we,, i', "words.we", "nothing between two commas"),
        ("en.toml", "[contractions]", "extra = 1\n[contractions]", "extra", "unknown key"),
        ("zh.toml", "弄死, 砍死, 捅死, 法院", "弄死, 砍死, 捅死, 药房", "sounds", "'药房' is in no list of words"),
        ("tone.toml", "breach = 0.68", "breach = 8", "model.zh.breach", "must be from 0.5 to 1"),
        ("tone.toml", "[suggestions.obscene_insulting]", "[s]", "suggestions.obscene_insulting.zh", "is missing"),
        ("characters.toml", 'meant = "a', 'meant = "', "look_alike", "written has"),
        ("weights.json", '"bias"', '"bent"', "(file)", "holds no weights: KeyError"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_data_names_file_and_key(
    folder: Path, name: str, old: str, new: str, key: str, problem: str
) -> None:
    error = broken(folder, name, old, new)
    assert (error.file, error.key) == (str(folder / "tone" / name), key)
    assert problem in error.problem


def test_without_the_guard_nothing_starts(folder: Path) -> None:
    (folder / "tone" / "en.toml").unlink()
    with pytest.raises(ConfigError, match=r"tone/en\.toml: \(file\): cannot be read"):
        load_tone(folder)


def test_the_weights_were_trained_from_these_texts_and_words() -> None:
    weights = json.loads((CONFIG / "tone" / "weights.json").read_text())
    assert weights["made_from"] == made_from(), "run `make tone-model`"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_category_has_training_texts_of_its_own(language: str) -> None:
    texts = read_texts(TRAINING / f"{language}.txt", seed=1)
    count = {name: sum(one.category == name for one in texts) for name in {one.category for one in texts}}
    assert set(count) == {*(category.value for category in Category), "compliant"}
    assert min(count.values()) >= 100
    assert not any(set("{}<>|") & set(one.text) for one in texts)


@pytest.mark.parametrize("language", list(Language))
def test_the_classifier_names_the_category_that_its_training_texts_have(language: Language) -> None:
    """Else biases and weights stand in different orders, and nothing but the names shows it."""
    guard = load_tone(CONFIG)
    tongue = guard.tongues[language]
    assert tongue.classifier is not None
    right = 0
    texts = [one for one in read_texts(TRAINING / f"{language.value}.txt", seed=1) if one.category != "compliant"]
    for one in texts:
        normal = guard.folding.normal(one.text).text
        seen = tongue.features(normal, Hit(0, len(normal)), tongue.hits(normal))
        right += tongue.classifier.category(seen).value == one.category
    assert right / len(texts) >= 0.95


def labelled(name: str) -> list[Sample]:
    from duecourse.cli.tone_samples import read_samples

    return read_samples(REPOSITORY / "tests" / "tone_texts" / name, ContextWords(CONFIG))


@pytest.mark.parametrize("name", SETS)
def test_no_set_of_texts_is_judged_worse_than_it_once_was(name: str) -> None:
    found = evaluate(labelled(name), load_tone(CONFIG))
    every = found.languages[-1]
    least, most = REACHED[name]
    assert every.recall is not None
    assert every.recall >= least, found.missed
    assert every.compliant_flagged is not None
    assert every.compliant_flagged <= most, found.wrongly_flagged
    right = sum((score.recall or 0) * score.texts for score in found.categories if score.language == "all")
    assert right / every.violations >= RIGHTLY_NAMED


def test_no_labelled_text_is_a_training_text() -> None:
    trained = {
        one.text for name in ("zh", "en") for one in read_texts(REPOSITORY / f"training/tone/{name}.txt", seed=20261123)
    }
    tested = {one.text for name in SETS for one in labelled(name)}
    assert not trained & tested


def test_an_evaluation_counts_by_language_and_category() -> None:
    def sample(number: int, text: str, category: Category | None) -> Sample:
        return Sample(id=f"s{number}", language="en", text=text, context=ToneContext(), category=category)

    found = evaluate(
        [
            sample(1, "I will kill you", Category.VIOLENCE),
            sample(2, "The parcel is here.", Category.VIOLENCE),
            sample(3, "I will kill you", Category.INSULT),
            sample(4, "Your payment is due tomorrow.", None),
            sample(5, "You worthless idiot", None),
        ],
        load_tone(CONFIG),
    )
    every = found.languages[-1]
    assert (every.language, every.violations, every.compliant) == ("all", 3, 2)
    assert (every.recall, every.compliant_flagged, every.precision) == (0.6667, 0.5, 0.6667)
    assert (found.missed, found.wrongly_flagged) == (("s2",), ("s5",))
    violence = next(score for score in found.categories if score.category is Category.VIOLENCE)
    assert (violence.texts, violence.flagged, violence.recall, violence.precision) == (2, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "2: is no JSON"),
        ("[]", "2: is no object"),
        ('{"lang": "en", "label": "compliant"}', "2: text: is missing"),
        ('{"lang": "en", "text": "x", "label": "nice"}', "2: label: must be violating or compliant"),
        ('{"lang": "en", "text": "x", "label": "violating", "category": "rude"}', "2: category: unknown"),
    ],
)
def test_a_mistake_in_a_file_of_samples_names_its_line(tmp_path: Path, line: str, problem: str) -> None:
    from duecourse.cli.tone_samples import read_samples

    path = tmp_path / "samples.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=f"samples.jsonl:{problem}"):
        read_samples(path, ContextWords(CONFIG))


def test_a_context_is_read_in_the_words_of_people() -> None:
    words = ContextWords(CONFIG)
    said = {"recipient": "Co-worker", "channel": "call", "legal_status": "none", "sender": "First party"}
    assert words.context({**said, "offer_expiry": True, "other": 1}) == ToneContext(
        recipient=Recipient.UNKNOWN,
        channel=ToneChannel.VOICE,
        legal_status=LegalStatus.NONE,
        sender=Sender.LENDER,
        offer_expiry=OfferExpiry.TRUE,
    )
    assert words.context({"recipient": "coworker"}).recipient is Recipient.THIRD_PARTY
    assert words.context({}) == ToneContext()
    with pytest.raises(InputError, match="context: 'mood' is none of recipient"):
        words.exact({"mood": "good"})
    with pytest.raises(InputError, match="context: channel: 'pigeon' is none of sms"):
        words.exact({"channel": "pigeon"})


def shelf(folder: Path, words: str) -> Path:
    place = folder / "templates" / "en"
    place.mkdir(parents=True)
    (place / "greet.toml").write_text(GREETING.replace("WORDS", words))
    return folder


def test_a_template_that_threatens_refuses_to_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_library(shelf(tmp_path, "pay or we will break your legs."), load_tone(CONFIG))
    assert str(caught.value).startswith(
        f"{tmp_path}/templates/en/greet.toml: sms.text: threat_of_violence (en.violence."
    )
    words = str(caught.value)
    assert re.search(r"at characters \d+-\d+, '.*break your.*'\. Take every threat out", words), words


def test_neither_a_partial_nor_markup_hides_a_threat(tmp_path: Path) -> None:
    shelf(tmp_path, "{% include '_end.txt' %}")
    partial = tmp_path / "templates" / "en" / "_end.txt"
    partial.write_text("You will go to ja<b></b>il")
    load_library(tmp_path, None)
    partial.write_text("You will go to jail")
    with pytest.raises(ConfigError, match=r"_end\.txt: \(file\): false_legal_claim"):
        load_library(tmp_path, load_tone(CONFIG))


def test_every_shipped_template_passes() -> None:
    assert len(list(load_library(CONFIG, load_tone(CONFIG)))) >= 20

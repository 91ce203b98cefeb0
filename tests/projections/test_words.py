"""Words as full-text search sees them."""

from __future__ import annotations

import pytest

from twofold.projections.words import ASKED_WORDS_MAX, WORD_MAX, asked_words, words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Smith-Jones, José", ("smith", "jones", "jose")),
        ("snake_case 42nd", ("snake", "case", "42nd")),
        ("STRASSE Straße", ("strasse", "strasse")),
        ("İstanbul ﬁne ２", ("istanbul", "fine", "2")),
        ("日本 Ελλάδα हिन्दी", ("日本", "ελλαδα", "हनद")),
        ("x" * 100, ("x" * WORD_MAX,)),
        (" .,!", ()),
    ],
)
def test_words_are_runs_of_letters_and_digits_without_accents_and_case(text: str, words: tuple[str, ...]) -> None:
    assert words_in(text) == words


def test_a_long_text_has_the_same_words_as_a_short_one() -> None:
    assert words_in("José " * 100) == ("jose",) * 100


def test_a_question_is_about_each_word_once_and_not_about_ever_so_many() -> None:
    assert asked_words("a b A") == ("a", "b")
    assert len(asked_words(" ".join(map(str, range(100))))) == ASKED_WORDS_MAX
    assert asked_words(None) == ()

"""QUESTIONS → ANSWERS: typed queries over read models, in SQL, that may include one's own writes."""

from twofold.queries.answers import ANSWERS, Answerer, answerer, answers
from twofold.queries.asking import Answers
from twofold.queries.pages import Page
from twofold.queries.reader import Reader

__all__ = ["ANSWERS", "Answerer", "Answers", "Page", "Reader", "answerer", "answers"]

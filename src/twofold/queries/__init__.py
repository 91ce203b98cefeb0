"""QUESTIONS → ANSWERS: typed queries over read models, in SQL, that may include one's own writes."""

from twofold.queries.answers import Answer, answer_of, answers, is_answer
from twofold.queries.asking import Asking
from twofold.queries.reader import Reader

__all__ = ["Answer", "Asking", "Reader", "answer_of", "answers", "is_answer"]

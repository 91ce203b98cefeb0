"""QUESTIONS → ANSWERS: typed queries over read models, in SQL, that may include one's own writes."""

from twofold.queries.answers import ANSWERS, Answerer, answerer, answers
from twofold.queries.changes import TableChanges
from twofold.queries.desk import Answer, Desk
from twofold.queries.moments import Moments
from twofold.queries.pages import Page
from twofold.queries.reader import Reader
from twofold.queries.sources import Follower, Sources
from twofold.queries.tally import QuestionCount

__all__ = [
    "ANSWERS",
    "Answer",
    "Answerer",
    "Desk",
    "Follower",
    "Moments",
    "Page",
    "QuestionCount",
    "Reader",
    "Sources",
    "TableChanges",
    "answerer",
    "answers",
]

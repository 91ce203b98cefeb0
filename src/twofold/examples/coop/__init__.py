"""A homeschool co-op on one log: families, what they owe, and whether they may be lost. Read it in this order:

account.py       what somebody owes, as pure values
risk.py          how much at risk a family is, as pure functions
events.py        what happened
commands.py      what one may ask for
write_model.py   what a family may do            (commands → events)
read_models.py   what the co-op shows of a family (events → rows)
at_risk.py       what it does about those that may be lost
analytics.py     what it shows of its money
questions.py     what one may ask                (rows → answers)
app.py           everything put together
generator.py     a year of families, the same for the same seed
sender.py        sends it
demo.py          ``twofold demo coop``
"""

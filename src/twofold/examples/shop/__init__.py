"""A shop on one log: orders, returns and stock, run on a year of real invoices. Read it in this order:

events.py        what happened
commands.py      what one may ask for
write_model.py   who may do what                 (commands → events)
read_models.py   what the shop shows             (events → rows)
questions.py     what one may ask                (rows → answers)
app.py           everything put together
retail_file.py   the Online Retail file, row by row
wishes.py        its lines as commands
importer.py      sends them
demo.py          ``twofold demo``
"""

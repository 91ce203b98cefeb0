"""Running, checking and installing through the command line, on both databases."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.bank import Deposit
from tests.cli.sending import send_all
from tests.cli.terminal import Terminal
from twofold.cli.commands import db_init, db_upgrade
from twofold.store.migrations import Migration, SchemaState


def verdicts(terminal: Terminal) -> tuple[int, dict[str, str]]:
    done = terminal("doctor", "--json")
    return done.code, {finding["check"]: finding["verdict"] for finding in done.answer}


def until_it_runs(process: subprocess.Popen[str]) -> None:
    """Read stderr up to the line that says so."""
    assert process.stderr is not None
    while "follow" not in (line := process.stderr.readline()):
        assert line, "it ended before it ran"


def until_level(terminal: Terminal, position: int) -> None:
    """Look at the read model until it stands there. Looking runs nothing, so somebody else has brought it there."""
    while terminal("projections", "ls", "--json").answer[0]["position"] < position:
        pass


# --- run ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_feeds_the_read_models_and_ends_well_when_told_to(either: Terminal, number: int) -> None:
    either("db", "init")
    with either.running("run", "worker", "--json") as process:
        until_it_runs(process)
        either("send", "OpenAccount", "account_id=1", "owner=ada")
        until_level(either, 1)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_what_was_read_when_the_signal_came_is_kept(either: Terminal) -> None:
    send_all(either, *(Deposit(account_id="1", amount=Decimal(index)) for index in range(5)))
    with either.running("run", "worker") as process:
        until_it_runs(process)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    (found,) = either("projections", "ls", "--json").answer
    balance = either("ask", "ListAccounts", "--json").answer[0]["balance"]
    assert found["position"] in (0, 5)  # It may be told to stop before it has begun, but never stops half way.
    assert balance == "10"


# --- doctor ---------------------------------------------------------------------------------------------------------


def test_all_is_well_where_a_log_and_its_read_models_are_level(either: Terminal) -> None:
    either("send", "OpenAccount", "account_id=1", "owner=ada")
    either("ask", "CountAccounts")
    code, found = verdicts(either)
    assert code == 0
    assert set(found.values()) == {"ok"}
    assert {"versions", "database", "migrations", "settings", "log", "read model account_view"} <= set(found)


def test_read_models_that_are_behind_are_a_warning(either: Terminal) -> None:
    either("send", "OpenAccount", "account_id=1", "owner=ada")
    code, found = verdicts(either)
    assert (code, found["read model account_view"]) == (0, "warn")


def test_an_empty_database_is_a_warning_and_stays_empty(terminal: Terminal, folder: Path) -> None:
    code, found = verdicts(terminal)
    assert (code, found["migrations"]) == (0, "warn")
    assert not (folder / "bank.db").exists()


def test_a_folder_that_is_missing_is_bad(terminal: Terminal) -> None:
    code, found = verdicts(Terminal(terminal.folder, "--store", "sqlite:///nowhere/bank.db"))
    assert (code, found["database"]) == (1, "bad")


@pytest.mark.parametrize(("mode", "code", "check", "verdict"), [
    ("auto", 0, "read model account_view", "warn"),
    ("manual", 1, "read models", "bad"),
])  # fmt: skip
def test_a_read_model_whose_definition_changed_is_told_and_the_log_can_still_be_looked_at(
    terminal: Terminal, folder: Path, mode: str, code: int, check: str, verdict: str
) -> None:
    terminal("send", "OpenAccount", "account_id=1", "owner=ada")
    path = folder / "app.py"
    changed = path.read_text().replace('    owner: str = ""', "    owner: int = 0")
    path.write_text(changed.replace('store="sqlite:///bank.db"', f'store="sqlite:///bank.db", rebuild="{mode}"'))
    told, found = verdicts(terminal)
    assert (told, found[check]) == (code, verdict)
    assert len(terminal("events", "tail", "--json").lines) == 1


def test_a_foreign_database_is_bad_and_the_answer_is_no(terminal: Terminal, folder: Path) -> None:
    with sqlite3.connect(folder / "bank.db") as other:
        other.execute("create table t (x)")
    other.close()
    done = terminal("doctor", "--json")
    assert done.code == 1
    (bad,) = [finding for finding in done.answer if finding["verdict"] == "bad"]
    assert bad["check"] == "database"
    assert bad["remedy"]


def test_a_database_that_is_away_is_bad(terminal: Terminal) -> None:
    code, found = verdicts(Terminal(terminal.folder, "--store", "postgresql://nobody@127.0.0.1:1/none"))
    assert (code, found["database"]) == (1, "bad")


def test_people_get_a_line_for_each_finding(terminal: Terminal) -> None:
    lines = terminal("doctor").out.splitlines()
    assert lines[0].startswith("ok    versions: twofold ")
    assert "Run twofold db init" in lines[-1]


def test_a_database_that_is_away_is_an_environment_error_elsewhere(terminal: Terminal) -> None:
    done = Terminal(terminal.folder, "--store", "postgresql://nobody@127.0.0.1:1/none")("events", "tail", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["code"] == "store-unavailable"


def test_a_store_that_is_no_url_is_a_usage_error(terminal: Terminal) -> None:
    done = Terminal(terminal.folder, "--store", "mysql://secret@host")("events", "tail", "--json")
    assert (done.code, done.out) == (2, "")
    assert "secret" not in done.err


# --- db -------------------------------------------------------------------------------------------------------------


def test_a_log_is_installed_once(either: Terminal) -> None:
    before = either("db", "current", "--json").answer
    assert before["installed"] == 0
    assert before["pending"]
    installed = either("db", "init", "--json").answer
    assert installed["done"] == before["pending"]
    assert installed["pending"] == []
    again = either("db", "init", "--json")
    assert (again.code, again.answer["done"]) == (0, [])
    assert either("db", "current", "--json").answer["installed"] == installed["shipped"]


class OldSchema:
    """The schema of a log that lacks its second migration."""

    state = SchemaState(1, 2, (Migration(2, "more", "", ""),))

    async def current(self) -> SchemaState:
        return self.state

    async def upgrade(self) -> SchemaState:
        self.state = SchemaState(2, 2, ())
        return self.state


def test_an_older_log_is_upgraded_only_when_that_is_asked_for(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = OldSchema()
    for module in (db_init, db_upgrade):
        monkeypatch.setattr(module, "schema_of", lambda app: old)
    left = terminal("db", "init", "--json").answer
    assert (left["done"], left["pending"]) == ([], ["0002 more"])
    done = terminal("db", "upgrade", "--json").answer
    assert (done["done"], done["pending"]) == (["0002 more"], [])


def test_an_upgrade_of_a_level_log_does_nothing(either: Terminal) -> None:
    either("db", "init")
    done = either("db", "upgrade", "--json")
    assert (done.code, done.answer["done"]) == (0, [])


def test_an_upgrade_of_an_empty_database_is_not_found(either: Terminal) -> None:
    done = either("db", "upgrade", "--json")
    assert (done.code, done.out, done.error["code"]) == (3, "", "not-found")


def test_a_foreign_database_is_left_alone(terminal: Terminal, folder: Path) -> None:
    with sqlite3.connect(folder / "bank.db") as other:
        other.execute("create table t (x)")
    other.close()
    for verb in ("init", "upgrade", "current"):
        done = terminal("db", verb, "--json")
        assert (done.code, done.error["code"], done.error["reason"]) == (2, "store-refused", "foreign")


# --- demo -----------------------------------------------------------------------------------------------------------

FILE = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,71053,LANTERN,2,2010-12-01 08:26:00,3.39,17850,United Kingdom
C536379,85123A,LANTERN,-7,2010-12-01 09:41:00,2.55,17850,United Kingdom
"""


def test_the_demo_prints_its_answers_as_one_document(tmp_path: Path) -> None:
    (tmp_path / "retail.csv").write_text(FILE)
    done = Terminal(tmp_path).process("demo", "shop", "--full", "retail.csv", "--json")
    assert done.code == 0, done.err
    assert done.answer["net_total"] == "22.08"
    assert done.answer["refused_returns"] == {"count": 1, "value": "-17.85"}


def test_the_demo_shows_people_the_answers(tmp_path: Path) -> None:
    (tmp_path / "retail.csv").write_text(FILE)
    done = Terminal(tmp_path).process("demo", "shop", "--full", "retail.csv")
    assert done.code == 0, done.err
    assert "22.08" in done.out


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    assert Terminal(tmp_path)("demo", "--full", "nowhere.csv").code == 2


# --- where the read models are --------------------------------------------------------------------------------------


def test_read_models_may_be_elsewhere(either: Terminal, folder: Path) -> None:
    elsewhere = Terminal(folder, *either.arguments, "--reads", f"sqlite:///{folder}/views.db")
    elsewhere("send", "OpenAccount", "account_id=1", "owner=ada")
    assert elsewhere("ask", "CountAccounts").out.strip() == "1"
    assert elsewhere("projections", "ls", "--json").answer[0]["position"] == 1
    assert either("projections", "ls", "--json").answer[0]["position"] == 0


def test_read_models_that_are_away_are_an_environment_error(terminal: Terminal, folder: Path) -> None:
    done = Terminal(folder, "--reads", "postgresql://nobody@127.0.0.1:1/none")("ask", "CountAccounts")
    assert done.code == 2
    assert "127.0.0.1" in done.err


# --- why a read model stopped ---------------------------------------------------------------------------------------


def test_what_stopped_a_read_model_is_seen_by_whoever_looks(either: Terminal, folder: Path) -> None:
    path = folder / "app.py"
    path.write_text(path.read_text().replace('bank.db")', 'bank.db", parked_max=0)'))
    send_all(either, *(Deposit(account_id="1", amount=Decimal(amount)) for amount in (5, 666, 7)))
    either("ask", "CountAccounts")
    (found,) = either("projections", "ls", "--json").answer
    assert (found["state"], found["position"], found["head"]) == ("stopped", 1, 3)
    assert {name: found["facts"][name] for name in ("event_type", "position", "key", "reason")} == {
        "event_type": "Deposited",
        "position": 2,
        "key": "1",
        "reason": "ValueError: a number that this view cannot take",
    }
    assert "account_view cannot take Deposited at position 2" in either("projections", "ls").out.replace("\n", " ")
    assert verdicts(either)[1]["read model account_view"] == "bad"


def test_parked_keys_are_told_by_whoever_looks(either: Terminal) -> None:
    payments = (("1", 5), ("1", 666), ("2", 7), ("1", 8))
    send_all(either, *(Deposit(account_id=account, amount=Decimal(amount)) for account, amount in payments))
    either("ask", "CountAccounts")
    (found,) = either("projections", "ls", "--json").answer
    assert (found["lag"], found["parked"], found["error"]) == (0, 1, None)
    code, found = verdicts(either)
    assert (code, found["read model account_view"], found["parked keys of account_view"]) == (0, "ok", "warn")

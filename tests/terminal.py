"""A pseudo-terminal for commands that ask, and somebody who types."""

import os
import pty
import select
import signal
import subprocess
import time

__all__ = ["on_a_terminal"]

PATIENCE_S = 120.0


def on_a_terminal(command: list[str], answers: list[tuple[str, str | signal.Signals]]) -> str:
    """Run a command on a pseudo-terminal, typing each answer once its question is there.

    An answer may be a signal. Returns all that was told; fails unless it ends well.
    """
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        try:
            told = _told(process, master, list(answers))
            assert process.wait(PATIENCE_S) == 0, told
        finally:
            os.close(master)
            process.kill()
    return told


def _told(
    process: subprocess.Popen[bytes], master: int, answers: list[tuple[str, str | signal.Signals]]
) -> str:
    told, asked = "", 0
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            told += os.read(master, 4096).decode("utf-8", "replace")
        except OSError:  # it has gone
            break
        while answers and answers[0][0] in told[asked:]:
            question, answer = answers.pop(0)
            asked += told[asked:].index(question) + len(question)
            if isinstance(answer, signal.Signals):
                process.send_signal(answer)
            else:
                os.write(master, f"{answer}\n".encode())
    assert not answers, told
    return told

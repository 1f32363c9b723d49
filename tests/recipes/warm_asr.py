"""The command ``asr`` out of a process that has imported everything already: recipes call it dozens of times.

``python warm_asr.py serve SOCKET`` waits for calls and forks for each; ``python warm_asr.py call SOCKET VERB …`` is
such a call: it hands over arguments, folder, environment and the standard streams, and ends with its status.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path


def call(address: str, arguments: list[str]) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address)
        request = json.dumps([arguments, str(Path.cwd()), dict(os.environ)]).encode()
        socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(request)
        answer = connection.recv(1)
    return answer[0] if answer else 255


def serve(address: str) -> None:
    import lhotse  # noqa: F401 - these are what takes seconds
    import lightning.pytorch.cli  # noqa: F401
    import matplotlib.pyplot  # noqa: F401

    import asr.cli.main
    import asr.configuration.composition
    import asr.runs.building
    import asr.transcription.recognizer  # noqa: F401

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(connection)
            connection.close()
            while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
                pass


def answer(connection: socket.socket) -> None:
    """Runs a verb in another process, and tells how it has ended."""
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    request = connection.makefile("rb").read(int.from_bytes(size, "big"))
    verb = os.fork()
    if verb == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        run(*json.loads(request))
    _, status = os.waitpid(verb, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    from asr.cli.main import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["asr", *arguments]
    status: object = 1
    try:
        status = main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    raise SystemExit(call(sys.argv[2], sys.argv[3:]))

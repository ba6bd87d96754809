# SPDX-License-Identifier: GPL-2.0-or-later
"""cockpit-ws with a session whose bridge uses the private bus."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess

# Of root, and of an ordinary user.
PORT, USER_PORT = 9090, 9091
NOBODY = 65534
# A page that latency.py compares the page with.
BARE = pathlib.Path(__file__).with_name("bare")
PROGRAM = "/usr/lib/cockpit/cockpit-ws"


def address(port, package="vfiod"):
    return f"http://127.0.0.1:{port}/cockpit/@localhost/{package}/index.html"


def end(process):
    """Wait for the end of a process that was asked to end."""
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def cockpit(built, folder, port=PORT, user=0):
    """Serve the page that is in the folder `built`, during a with block, with the rights of this user. The files of the session are in
    `folder`, which is new."""
    os.mkdir(folder)
    os.chown(folder, user, user)
    data = pathlib.Path(folder, "data")
    shutil.copytree(built, data / "cockpit/vfiod")
    shutil.copytree(BARE, data / "cockpit/bare")
    # cockpit-ws accepts a socket from systemd, so nobody has to wait until it listens.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener, open(pathlib.Path(folder, "cockpit.log"), "wb") as log:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        environment = {**os.environ, "XDG_DATA_DIRS": f"{data}:/usr/share", "XDG_CONFIG_DIRS": str(folder), "HOME": str(folder)}
        script = f'exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        rights = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        with subprocess.Popen(["/bin/bash", "-c", script, "cockpit", *rights, PROGRAM, "--no-tls", "--local-session=cockpit-bridge"],
                              env=environment, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
            try:
                yield process
            finally:
                process.terminate()
                end(process)

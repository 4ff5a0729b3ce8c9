"""A service manager of a few lines: it owns the sockets and starts the program with them, as often as it is told.

argv: unix-path, file-that-names-the-port, program, arguments.... Each line on stdin starts the program and waits
for its end. PORT in an argument stands for the port.
"""

import os
import socket
import sys

path, told, program, *arguments = sys.argv[1:]
clients = socket.socket()
clients.bind(("127.0.0.1", 0))
clients.listen(100)
local = socket.socket(socket.AF_UNIX)
local.bind(path)
local.listen(100)
spare = socket.socket()
spare.bind(("127.0.0.1", 0))
spare.listen(1)
port = clients.getsockname()[1]
with open(told + ".part", "w") as file:
    file.write(str(port))
os.rename(told + ".part", told)
arguments = [argument.replace("PORT", str(port)) for argument in arguments]

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        # Out of the way first: the numbers 3, 4 and 5 are theirs.
        high = [os.dup(one.fileno()) for one in (clients, local, spare)]
        for place, number in enumerate(high):
            if number < 10:
                moved = os.dup2(number, 20 + place)
                high[place] = moved
        for place, number in enumerate(high):
            os.dup2(number, 3 + place, inheritable=True)
        environment = dict(
            os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="3", LISTEN_FDNAMES="clients:local:nobody"
        )
        os.execve(program, [program, *arguments], environment)
    with open(told + ".pid", "w") as file:
        file.write(str(child))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)

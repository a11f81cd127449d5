"""How machines that train together find each other, before TensorFlow connects them."""

import socket
import time

from icell_tf.messages import reason
from icell_tf.training.errors import TrainingError

PAUSE = 1.0  # seconds, between two looks for the other machines


def wait_for(others, own, variable):
    """Returns once each of the other machines has been reached, and so runs the command, too.

    TensorFlow would wait as well, but in C++, where it catches SIGTERM and lets no other thread of Python run.

    Args: others, own: addresses HOST:PORT. variable: where they come from, for the error.
    Raises: TrainingError: this machine's port can't be used.
    """
    try:
        listening = listen(int(own.rpartition(":")[2]))  # for the others
    except OSError as error:
        raise TrainingError(
            f"{own}, this machine's address in {variable}, can't be used ({reason(error)}): give it another port, on "
            "all machines, or end the program that uses it"
        ) from error
    with listening:
        while others := [host for host in others if not answers(host)]:
            time.sleep(PAUSE)


def listen(port):
    """Returns a socket that listens to IPv6 and IPv4, as TensorFlow does later, or to IPv4 where that is all."""
    try:
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except (OSError, ValueError):  # no address; or, with ValueError, no dual stack
        return socket.create_server(("", port))


def answers(host):
    """Whether something listens at an address HOST:PORT."""
    name, _, port = host.rpartition(":")
    try:
        with socket.create_connection((name.strip("[]"), int(port)), timeout=PAUSE):  # an IPv6 address is [..]:PORT
            return True
    except OSError:  # no name yet, no route, or nothing that listens
        return False

# SPDX-License-Identifier: Apache-2.0
"""ports - loopback ports for servers that come back at the same place."""
import secrets
import socket

_claims = {}


def lasting_port():
    """
    A free port below those that the kernel gives to connections: it stays free while its server is down.
    (A client that asks for a closed port of the kernel's range again and again meets itself at last; and
    anybody's connection may sit on it by the time its server is back.)  No other run of the tests on this
    machine is given it, either, until give_back() or the end of this process.
    """
    while True:
        port = 20000 + secrets.randbelow(12000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                # Of two that look at once only one gets this name.
                claim.bind(f"\0sutler-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _claims[port] = claim
        return port


def give_back(port):
    claim = _claims.pop(port, None)
    if claim is not None:
        claim.close()

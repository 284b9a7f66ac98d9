"""The hosts of a job, joined over TCP."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.collective import ALONE, Collective, connect
from pairloom.container.configuration import Hosts
from pairloom.container.variables import number, whole_number
from pairloom.errors import UserError

__all__ = ["join"]

TOKENS = ("PAIRLOOM_HOSTS_TOKEN", "TRAINING_JOB_ARN")
PORT, ADDRESSES, TIMEOUT = "PAIRLOOM_HOSTS_PORT", "PAIRLOOM_HOSTS_ADDRESSES", "PAIRLOOM_HOSTS_TIMEOUT_S"
DEFAULT_PORT, LAST_PORT, DEFAULT_TIMEOUT_S = 7712, 65535, 900.0


def join(hosts: Hosts, environment: Mapping[str, str]) -> Collective:
    """Wait for every host of the job; a lone one needs nobody.

    Parameters
    ----------
    hosts : Hosts
    environment : mapping of str to str
        ``PAIRLOOM_HOSTS_TOKEN``, else ``TRAINING_JOB_ARN``, is what all hosts know; ``PAIRLOOM_HOSTS_PORT`` is where
        each listens, unless ``PAIRLOOM_HOSTS_ADDRESSES`` says where each is, and then only the token counts, for the
        name of a job can be guessed; ``PAIRLOOM_HOSTS_TIMEOUT_S`` is how long
        to wait.

    Raises
    ------
    UserError
        For a variable that means nothing, or no token.
    PlatformError
        When a host does not come in time.
    """
    if len(hosts.names) == 1:
        return ALONE
    known = TOKENS[:1] if environment.get(ADDRESSES) else TOKENS
    token = next((environment[name] for name in known if environment.get(name)), None)
    if token is None:
        raise UserError(
            f"Training job: {len(hosts.names)} hosts must share a secret. Got none. "
            f"Give all of them the same long word in {TOKENS[0]}."
        )
    return connect(
        hosts.names,
        hosts.current,
        port=whole_number(environment, PORT, DEFAULT_PORT, most=LAST_PORT),
        token=token,
        timeout_s=number(environment, TIMEOUT, DEFAULT_TIMEOUT_S),
        addresses=_addresses(environment, hosts),
    )


def _addresses(environment: Mapping[str, str], hosts: Hosts) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for word in filter(None, environment.get(ADDRESSES, "").split(",")):
        name, _, address = word.strip().partition("=")
        host, _, port = address.rpartition(":")
        if name not in hosts.names or not host or not port.isdecimal() or not 0 < int(port) <= LAST_PORT:
            raise UserError(
                f"{ADDRESSES}: must be NAME=ADDRESS:PORT for hosts of the job, parted by commas. Got {word!r}."
            )
        found[name] = (host, int(port))
    return found

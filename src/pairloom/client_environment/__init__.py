"""What a program needs in its environment to take Pairloom's service for AWS, its code and home untouched."""

from pairloom.client_environment.programs import command_of, run_program
from pairloom.client_environment.running_service import RunningService, find_service, service_for_a_while
from pairloom.client_environment.variables import client_variables

__all__ = [
    "RunningService",
    "client_variables",
    "command_of",
    "find_service",
    "run_program",
    "service_for_a_while",
]

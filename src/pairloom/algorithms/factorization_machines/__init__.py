"""SageMaker's algorithm ``factorization-machines``."""

from pairloom.algorithms.factorization_machines.algorithm import FactorizationMachines

__all__ = ["FactorizationMachines"]

"""Inside a training job: SageMaker's ``/opt/ml`` on one side, an algorithm of the catalogue on the other.

`entry` is what ``pairloom-train`` runs. Nothing here imports numpy before the number of threads is settled.
"""

"""Brings processes to the stored state: one loop, one controller per kind of resource.

    @controller
    class TrainingJobs(Controller):
        kind, unfinished = "training-job", frozenset({"InProgress", "Stopping"})

        def __init__(self, service): ...
        async def adopt(self, job): ...      # at start, before anything else: what runs already?
        async def reconcile(self, job): ...  # one step towards the stored state

`Supervisor.start` adopts what runs and reconciles what is unfinished; after that each commit, each watched process
that ends and each delay that a controller asked for leads to another step.
"""

from pairloom.control_plane.supervisor.controller import Controller, controller, controllers
from pairloom.control_plane.supervisor.folder_lock import FolderLock, holder_of
from pairloom.control_plane.supervisor.slots import Slots
from pairloom.control_plane.supervisor.supervisor import Supervisor

__all__ = ["Controller", "FolderLock", "Slots", "Supervisor", "controller", "controllers", "holder_of"]

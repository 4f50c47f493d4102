"""Analyses in a process of their own: asked for, looked at and cancelled by any number of servers. ADR 0008.

All that the processes share lies in one folder under `cache_root()`, and all locks are the kernel's (flock): whoever
is killed lets go of them at once.
"""

from pipeline.worker.client import Client
from pipeline.worker.jobs import Job, State, Status

__all__ = ["Client", "Job", "State", "Status"]

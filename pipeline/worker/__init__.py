"""Analyses in a separate process: requested, watched and cancelled by any number of servers. ADR 0008.

Everything that the processes share lies in one folder under `cache_root()`, and all locks are the kernel's (flock): a
process that is killed releases them at once.
"""

from pipeline.worker.client import Client
from pipeline.worker.jobs import Job, JobStatus, State

__all__ = ["Client", "Job", "JobStatus", "State"]

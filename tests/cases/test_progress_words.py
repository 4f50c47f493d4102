"""What the page says while a recording is read."""

import pytest

from pipeline.cases.stored_case import progress_words
from pipeline.worker import JobStatus


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (JobStatus("waiting", sentence="Waiting for its turn"), "Waiting for its turn"),
        (JobStatus("running", 0.08, "Loading the network", at=100.0), "Loading the network"),
        (JobStatus("running", 0.12, "Reading", 0.1, 100.0, 104.0), "Reading"),
        (JobStatus("running", 0.4, "Reading", 0.1, 100.0, 110.0), "Reading, about 20 s left"),
        (JobStatus("running", 0.7, "Reading", 0.1, 100.0, 120.0), "Reading, about 10 s left"),
    ],
)
def test_the_time_left_is_told_from_the_pace_once_five_seconds_were_seen(status: JobStatus, words: str) -> None:
    assert progress_words(status) == words

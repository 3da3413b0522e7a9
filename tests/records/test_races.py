"""However many workers look at once, from threads or from processes of their own, every job has one of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.records import jobs
from core.records.accounts.people import Who
from core.records.database import Database
from core.records.payloads import Ask, Tune

WORKER = """
import json, sys
from core.records import jobs
from core.records.database import Database

url, name, queue = sys.argv[1:]
database, taken = Database(url), []
database.wait(60)
print("ready", flush=True)
sys.stdin.readline()
while claimed := jobs.take_next(database, queue, name):
    jobs.renew(database, claimed)
    jobs.finish(database, claimed, {"by": name})
    taken.append(claimed.id)
print(json.dumps(taken))
"""


def fill(database: Database, who: Who, queue: str, count: int) -> list[int]:
    with database.session() as session:
        return [jobs.enqueue(session, who, who.projects[0], Tune if queue == "tune" else Ask).id for _ in range(count)]


def test_of_many_threads_that_claim_one_job_exactly_one_has_it(database: Database, who: Who) -> None:
    for job_id in fill(database, who, "tune", 10):
        together = Barrier(8)

        def claim(number: int, job_id: int = job_id, together: Barrier = together) -> bool:
            together.wait()
            return jobs.claim(database, job_id, f"worker {number}") is not None

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(claim, range(8))) == 1


@pytest.mark.parametrize("queue", ["tune", "read"])
def test_threads_that_take_what_is_next_share_all_jobs_between_them(database: Database, who: Who, queue: str) -> None:
    added = fill(database, who, queue, 40)

    def work(number: int) -> list[int]:
        taken = []
        while claimed := jobs.take_next(database, queue, f"worker {number}"):
            taken.append(claimed.id)
            jobs.finish(database, claimed, {})
        return taken

    with ThreadPoolExecutor(6) as threads:
        taken = [job_id for job_ids in threads.map(work, range(6)) for job_id in job_ids]
    assert sorted(taken) == added


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["tune", "read"])
def test_processes_that_take_what_is_next_share_all_jobs_between_them(database: Database, who: Who, queue: str) -> None:
    added = fill(database, who, queue, 40)
    url = database.url.render_as_string(hide_password=False)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, f"worker {number}", queue],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    taken = [json.loads(worker.communicate(timeout=300)[0]) for worker in workers]
    assert Counter(job_id for job_ids in taken for job_id in job_ids) == Counter(added)


def test_a_sweep_and_a_claim_that_meet_leave_a_job_with_one_worker(database: Database, who: Who) -> None:
    for job_id in fill(database, who, "read", 10):
        assert jobs.claim(database, job_id, "dead", lease_seconds=-1)
        together = Barrier(4)

        def sweep(together: Barrier = together) -> int:
            together.wait()
            jobs.sweep(database)
            return 0

        def claim(name: str, job_id: int = job_id, together: Barrier = together) -> int:
            together.wait()
            return int(jobs.claim(database, job_id, name) is not None)

        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(sweep), threads.submit(sweep)]
            futures += [threads.submit(claim, name) for name in ("one", "two")]
            won = sum(future.result() for future in futures)
        left = jobs.claim(database, job_id, "three")
        assert won + (left is not None) == 1

"""A real Celery application, for a real worker and a real Flower to load. $BROKER says where."""

import os
import time

from celery import Celery

app = Celery("jobs", broker=os.environ.get("BROKER", "memory://"))
app.conf.worker_prefetch_multiplier = 1
app.conf.task_acks_late = True


@app.task(name="ad_sync.sync", queue="ad_sync")  # type: ignore[untyped-decorator]
def sync(seconds: float) -> None:
    time.sleep(seconds)

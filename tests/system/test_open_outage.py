"""An outage under way reaches a collector that can be reached, at once and once; its end replaces it."""
import functools
import http.server
import json
import sqlite3
import threading

import pytest

from lab.lab import wait_until
from plumbline import Person
from test_orders import PASSWORD, QuietHandler, site   # noqa: F401 (a fixture)

WATCH = """watch: {carrier: 300ms, gateway: 300ms, local: 300ms, hub: 600ms, names: 500ms, http: 300ms, timeout: 300ms, sweep: 500ms,
        down_after: 1s, up_after: 500ms, brief: 500ms, outage: 3s, merge: 2s, starting: 100ms, journal: 1s}
"""


def stored_outages(site):
    with sqlite3.connect(f"file:{site.state}/collector.db?mode=ro", uri=True) as database:
        return [json.loads(event) for (event,) in database.execute("SELECT event FROM event WHERE type = 'outage' ORDER BY seq")]


def levels(site):
    return (site.agent_json("status").get("watch") or {}).get("levels", {})


@pytest.mark.timeout(240)
def test_the_file_server_is_dead_and_the_collector_is_not(site):   # noqa: F811
    with open(f"{site.state}/agent.yaml", "a", encoding="utf-8") as file:
        file.write(WATCH)
    site.start_agent()
    wait_until(lambda: levels(site).get("http") == "up" and levels(site).get("local") == "up", 30, site.log)
    port = site.files.server_port
    site.files.shutdown()
    site.files.server_close()

    # An hour lies between reports: this one did not wait.
    early, = wait_until(lambda: stored_outages(site), 30, site.log)
    assert early["cause"] == "http" and "ended_ms" not in early
    assert early["shortest_ms"] <= early["down_ms"] <= early["longest_ms"]
    wait_until(lambda: site.agent_json("outages")["items"][-1]["ended_ms"] is None, 10, site.log)
    assert len(site.agent_json("outages")["items"]) == 1, "it is shown once, as it looks now"

    site.files = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(QuietHandler, directory=f"{site.state}/files"))
    threading.Thread(target=site.files.serve_forever, daemon=True).start()
    ended, = wait_until(lambda: [o for o in site.agent_json("outages")["items"] if o["ended_ms"]], 30, site.log)

    # An answered order is reported at once, and the end with it.
    Person(site.url).log_in("tech", PASSWORD).post("/api/v1/lines/line-a/orders", {"leg": "local"})
    wait_until(lambda: len(stored_outages(site)) > 1, 30, site.log)
    first, last = stored_outages(site)
    assert first == early and last["ended_ms"] == ended["ended_ms"]
    assert [last[name] for name in ("boot", "boottime_us", "started_ms")] == [early[name] for name in ("boot", "boottime_us", "started_ms")]
    assert last["down_ms"] >= early["down_ms"]

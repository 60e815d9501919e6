"""An agent is always listening: an order, another plan and a stop of the collector reach it at once, with an hour between
reports; without a collector it keeps the last good instruction, and a bad one is refused whole."""
import functools
import http.server
import json
import subprocess
import threading
import time

import pytest

from lab.lab import read_text, wait_until
from plumbline import Collector, Person, is_clean, run_here
from test_bad_input import free_port

CONFIG = """
listen: 127.0.0.1:{port}
database: {state}/collector.db
reference_files:
  - {{name: local, leg: local, url: "http://{files}/local.bin", sha256: "{sha256}", size: 64KiB}}
  - {{name: hub, leg: hub, url: "http://127.0.0.1:{files_port}/local.bin", sha256: "{sha256}", size: 64KiB}}
service_plans:
  - {{name: hourly, local_min: 30KB/s, hub_min: 20KB/s, interval: 1h}}
  - {{name: busy, local_min: 40KB/s, hub_min: 20KB/s, interval: 1s}}
schedule: {{report: 1h}}
"""
CLIENTS = """client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email
1,Orchard Bakery,A,yes,Anna,line-a,core,Garden Street 1,{plan},Maria,1,m@orchard.example
"""
PASSWORD = "correct horse battery"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    """A collector, a file server of its own, and one agent, all on loopback."""

    def __init__(self, build, state):
        self.build, self.state, self.port = build, str(state), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (state / "files").mkdir()
        made = run_here([f"{build}/plumbline-collector", "reference", f"{state}/files/local.bin", "--size", "64KiB", "--json"])
        self.sha256 = json.loads(made.stdout)["sha256"]
        self.files = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(QuietHandler, directory=f"{state}/files"))
        threading.Thread(target=self.files.serve_forever, daemon=True).start()
        self.collector = Collector(build, state, self.config("127.0.0.1"))
        self.collector.import_csv("topology", "node,kind,parents,name\ncore,core,,Core\n")
        self.collector.import_csv("clients", CLIENTS.format(plan="hourly"))
        self.collector.add_user("tech", "tech", PASSWORD)
        self.running = {}

    def config(self, host):
        files_port = self.files.server_port
        return CONFIG.format(port=self.port, state=self.state, files=f"{host}:{files_port}", files_port=files_port,
                             sha256=self.sha256)

    def start(self, name, argv):
        with open(f"{self.state}/{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        assert process.wait(30) == 0, self.log()

    def start_collector(self):
        known = self.log().count("listening on")
        self.start("collector", self.collector.argv_run())
        wait_until(lambda: self.log().count("listening on") > known, 30, self.log)

    def start_agent(self):
        self.start("agent", [f"{self.build}/plumbline-agent", "run", "-c", f"{self.state}/agent.yaml"])

    def enroll(self):
        with open(f"{self.state}/agent.yaml", "w", encoding="utf-8") as file:
            file.write(f"collector: {{url: '{self.url}'}}\nstate_dir: {self.state}/agent\n")
        token = self.collector.json("token", "new", "--line", "line-a")["token"]
        run_here([f"{self.build}/plumbline-agent", "enroll", "--token", token, "-c", f"{self.state}/agent.yaml"])

    def agent_json(self, *command):
        done = run_here([f"{self.build}/plumbline-agent", *command, "--json", "-c", f"{self.state}/agent.yaml"], check=False)
        assert done.returncode in (0, 3), done.stderr
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def interval_s(self):
        return self.agent_json("status").get("instruction", {}).get("interval_s")

    def log(self):
        return "".join(f"--- {name}\n" + read_text(f"{self.state}/{name}.log") for name in ("collector", "agent"))


@pytest.fixture
def site(build, tmp_path):
    made = Site(build, tmp_path)
    made.start_collector()
    made.enroll()
    yield made
    for name in list(made.running):
        made.stop(name)
    made.files.shutdown()
    made.files.server_close()
    assert is_clean(made.log()), made.log()


def is_answered(person):
    items = person.get("/api/v1/lines/line-a/orders").json["items"]
    return items if len(items) == 2 and all(item["state"] == "answered" for item in items) else None


@pytest.mark.timeout(240)
def test_orders_and_plans_reach_the_agent_at_once(site):
    site.start_agent()
    wait_until(lambda: site.interval_s() == 3600, 30, site.log)
    person = Person(site.url).log_in("tech", PASSWORD)

    # An order is answered in seconds.
    placed = person.post("/api/v1/lines/line-a/orders", {"leg": "both"}).json["items"]
    assert [order["leg"] for order in placed] == ["local", "hub"]
    answered = wait_until(lambda: is_answered(person), 20, site.log)
    assert {order["id"] for order in answered} == {order["id"] for order in placed}
    for order in answered:
        assert order["answer"]["trigger"] == "order" and order["answer"]["judgement"] in ("good", "unresolved")
        assert order["answer"]["started_ms"] - order["placed_ms"] < 15000
    page = person.get("/clients/1").text
    assert "answered" in page and 'action="/lines/line-a/orders"' in page

    # Another plan, by a command beside the daemon, is in force at once.
    site.collector.import_csv("clients", CLIENTS.format(plan="busy"))
    wait_until(lambda: site.interval_s() == 1, 10, site.log)
    wait_until(lambda: [m for m in site.agent_json("measurements")["items"] if m["trigger"] == "schedule"
                        and m["threshold_bps"] == 320000], 20, site.log)

    # The agent that waits does not hold up a collector that stops.
    began = time.monotonic()
    site.stop("collector")
    assert time.monotonic() - began < 4

    # Without a collector the plan stays, over a restart too.
    site.stop("agent")
    before = len(site.agent_json("measurements")["items"])
    site.start_agent()
    wait_until(lambda: len(site.agent_json("measurements")["items"]) > before + 2, 30, site.log)
    assert site.agent_json("measurements")["items"][-1]["judgement"] in ("good", "unresolved")
    assert site.interval_s() == 1


@pytest.mark.timeout(240)
def test_an_instruction_beyond_the_targets_is_refused_whole(site):
    site.start_agent()
    wait_until(lambda: site.interval_s() == 3600, 30, site.log)
    assert site.agent_json("status")["targets"] == {"hosts": ["127.0.0.1"], "from": "enrolment"}
    site.stop("collector")
    site.collector.write_config(site.config("localhost").replace("interval: 1h", "interval: 2h"))
    site.start_collector()
    refused = wait_until(lambda: site.agent_json("status").get("instruction_refused"), 60, site.log)
    assert refused["why"] == "reference_files[0]: url: host localhost is not among the targets this agent allows"
    assert site.interval_s() == 3600
    assert "instruction refused, the one before stays in force" in site.log()

    # The next good one ends it.
    site.stop("collector")
    site.collector.write_config(site.config("127.0.0.1").replace("interval: 1h", "interval: 2h"))
    site.start_collector()
    wait_until(lambda: site.interval_s() == 7200, 60, site.log)
    assert "instruction_refused" not in site.agent_json("status")


@pytest.mark.timeout(240)
def test_planned_work_is_measured_and_not_judged(site):
    site.collector.import_csv("clients", CLIENTS.format(plan="busy"))
    site.start_agent()
    wait_until(lambda: site.interval_s() == 1, 30, site.log)
    person = Person(site.url).log_in("tech", PASSWORD)
    now_ms = int(time.time() * 1000)

    # Work is announced before it starts, on a node that there is.
    for body, field, detail in [
            ({"node": "core", "from_ms": now_ms - 1000, "to_ms": now_ms + 9000}, "from_ms",
             "must lie ahead: work is announced before it starts"),
            ({"node": "core", "from_ms": now_ms + 9000, "to_ms": now_ms + 9000}, "to_ms", "must be later than from_ms"),
            ({"node": "b9", "from_ms": now_ms + 9000, "to_ms": now_ms + 19000}, "node", "there is no node b9"),
            ({"node": "core", "from_ms": "soon", "to_ms": now_ms + 9000}, "from_ms", "must be a time in Unix milliseconds")]:
        refused = person.post("/api/v1/maintenance", body)
        assert refused.status == 400 and refused.json["errors"] == [{"field": field, "detail": detail}]

    from_ms = int(time.time() * 1000) + 3000
    planned = person.post("/api/v1/maintenance", {"node": "core", "from_ms": from_ms, "to_ms": from_ms + 3600000, "note": "fibre"})
    item, = planned.json["items"]
    assert item["state"] == "planned" and item["lines"] == 1 and item["by"] == "tech"

    def measured():
        return [m for m in site.agent_json("measurements")["items"] if m["trigger"] == "schedule"]

    wait_until(lambda: [m for m in measured() if m["judgement"] == "invalid"], 30, site.log)
    for m in measured():
        assert (m["reason"] == "maintenance") == (m["judgement"] == "invalid")
        assert m["judgement"] != "invalid" or m["started_ms"] >= from_ms
    assert "End it now" in person.get("/maintenance").text

    # Ended early, it is judged again; ended twice it is not.
    ended = person.post(f"/api/v1/maintenance/{item['id']}/end")
    assert ended.json["items"][0]["state"] == "over"
    ended_ms = ended.json["items"][0]["to_ms"]
    wait_until(lambda: [m for m in measured() if m["started_ms"] > ended_ms and m["judgement"] != "invalid"], 30, site.log)
    again = person.post(f"/api/v1/maintenance/{item['id']}/end")
    assert again.status == 409 and again.json["detail"] == f"maintenance {item['id']}: is over already"

"""Agents that fall silent: one ticket for the line that is always on, none for the one that is not, none after a restart of the
collector, none when many fall silent at once; and what the journal says when an agent is back settles the ticket."""
import subprocess
import threading
import time

import pytest

from agent_client import AgentClient
from lab.lab import read_text, wait_until
from plumbline import Collector, Person, is_clean
from test_bad_input import free_port

LINES = 9          # line-8 is not always on
REPORT_S = 2
HOLD_S = 3 * REPORT_S + 1
TICKET_AFTER_S = 10
CONFIG = """
listen: 127.0.0.1:{port}
database: {state}/collector.db
service_plans: [{{name: norm, local_min: 30KB/s, interval: 1m}}]
schedule: {{report: {report}s}}
silence: {{silent_extra: 1s, ticket_after: {ticket_after}s, hold_extra: 1s, check_every: 1s, check_commit: 1m, check_disk_percent: 0,
           check_clock_step: 1h{more}}}
"""
HEADER = "client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email,always_on\n"
PASSWORD = "correct horse battery"


class Network:
    """A collector, and agents that report every half interval unless they are told to be quiet."""

    def __init__(self, build, state, more=""):
        self.state, self.port = str(state), free_port()
        self.collector = Collector(build, state, CONFIG.format(port=self.port, state=state, report=REPORT_S,
                                                               ticket_after=TICKET_AFTER_S, more=more))
        self.collector.import_csv("topology", "node,kind,parents,name\ncore,core,,Core\n")
        self.collector.import_csv("clients", HEADER + "".join(
            f"{n},Client {n},A,yes,Anna,line-{n},core,Garden Street {n},norm,Maria,1,m@c.example,{'no' if n == 8 else 'yes'}\n"
            for n in range(LINES)))
        self.collector.add_user("tech", "tech", PASSWORD)
        self.start()
        self.agents = [self.enroll(n) for n in range(LINES)]
        self.seq = [0] * LINES
        self.quiet = set()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.report_on, daemon=True)
        self.thread.start()
        self.person = Person(f"http://127.0.0.1:{self.port}").log_in("tech", PASSWORD)

    def start(self):
        known = self.log().count("listening on")
        with open(f"{self.state}/collector.log", "ab") as log:
            self.process = subprocess.Popen(self.collector.argv_run(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.log().count("listening on") > known, 30, self.log)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log()

    def log(self):
        return read_text(f"{self.state}/collector.log")

    def enroll(self, number):
        agent = AgentClient(self.port)
        assert agent.enroll(self.collector.json("token", "new", "--line", f"line-{number}")["token"])[0] == 200
        return agent

    def post(self, number, events=()):
        """A report with these events, given as (type, cause, from_s, to_s)."""
        made = []
        for type_, cause, from_s, to_s in events:
            self.seq[number] += 1
            made.append({"seq": self.seq[number], "boot": "b", "type": type_, "started_ms": int(from_s * 1000),
                         "ended_ms": int(to_s * 1000), **({"cause": cause} if cause else {}),
                         **({"brief": False, "down_ms": 1, "shortest_ms": 1, "longest_ms": 1} if cause else {})})
        status, answer = self.agents[number].post_report(made)
        assert status == 200, answer

    def report_on(self):
        while not self.ended.wait(REPORT_S / 2):
            for number in range(LINES):
                with self.lock:
                    if number in self.quiet:
                        continue
                    try:
                        self.post(number)
                    except OSError:
                        pass   # the collector is down

    def fall_silent(self, *numbers):
        with self.lock:
            self.quiet.update(numbers)
        return time.time()

    def come_back(self, *numbers, events=()):
        with self.lock:
            for number in numbers:
                self.post(number, [*events, ("alive", None, time.time() - 1, time.time() + 1)])
                self.quiet.discard(number)

    def tickets(self):
        return {ticket["line"]: ticket for ticket in self.person.get("/api/v1/tickets").json["items"]}

    def states(self):
        return {line: ticket["state"] for line, ticket in self.tickets().items()}

    def contacts(self):
        return {agent["line"]: agent["contact"] for agent in self.person.get("/api/v1/agents").json["items"]}

    def close(self):
        self.ended.set()
        self.thread.join()
        self.stop()


@pytest.fixture
def network(build, tmp_path, request):
    made = Network(build, tmp_path, getattr(request, "param", ""))
    yield made
    made.close()
    assert is_clean(made.log()), made.log()


def settle(network, line, state):
    wait_until(lambda: network.states().get(line) == state, 60, network.log)


@pytest.mark.timeout(400)
def test_silence_means_something_or_nothing(network):
    wait_until(lambda: network.person.get("/readyz").json["self_check"].get("passed"), 30, network.log)
    time.sleep(HOLD_S)

    # One line that is always on and one that is not.
    since = network.fall_silent(0, 8)
    wait_until(lambda: network.states() == {"line-0": "open"}, 60, network.log)
    shown = network.person.get(f"/api/v1/tickets/{network.tickets()['line-0']['id']}").json
    assert shown["opened_ms"] - shown["evidence"]["contact"]["last_report_ms"] == TICKET_AFTER_S * 1000
    wait_until(lambda: network.contacts() == {f"line-{n}": "silent" if n in (0, 8) else "fresh" for n in range(LINES)}, 30,
               network.log)
    listed = {agent["line"]: agent for agent in network.collector.json("agent", "list")["items"]}
    assert listed["line-0"]["contact"] == "silent"
    assert listed["line-0"]["contact_since_ms"] > shown["evidence"]["contact"]["last_report_ms"]
    assert len(network.person.get("/api/v1/agents?contact=silent").json["items"]) == 2
    page = network.person.get("/api/v1/agents?limit=8").json
    assert len(page["items"]) == 8
    assert len(network.person.get(f"/api/v1/agents?limit=8&cursor={page['cursor']}").json["items"]) == 1
    quality = network.person.get("/api/v1/clients/0").json["quality"]
    assert (quality["good"], quality["reason"]) == ("unmeasured", "silent")
    assert network.person.get(f"/tickets/{network.tickets()['line-0']['id']}").status == 200

    # It is back, and its journal says why.
    network.come_back(0, 8, events=[("outage", "power", since, time.time() - 1)])
    settle(network, "line-0", "proven")
    shown = network.person.get(f"/api/v1/tickets/{network.tickets()['line-0']['id']}").json
    assert shown["evidence"]["later"][0]["contact"]["cause"] == "power"
    assert network.person.get(f"/tickets/{shown['id']}").status == 200

    # Another was watching all the while.
    since = network.fall_silent(1)
    settle(network, "line-1", "open")
    network.come_back(1, events=[("alive", None, since - 1, time.time() - 1)])
    settle(network, "line-1", "withdrawn")

    # The collector is down for longer than makes a ticket.
    before = network.states()
    network.stop()
    time.sleep(TICKET_AFTER_S + 1)
    network.start()
    time.sleep(HOLD_S + 2)
    assert network.states() == before
    wait_until(lambda: set(network.contacts().values()) == {"fresh"}, 30, network.log)

    # Most fall silent at once.
    network.fall_silent(*range(2, 8))
    wait_until(lambda: "6 agents fell silent at once" in network.log(), 60, network.log)
    time.sleep(TICKET_AFTER_S + 3)
    assert network.states() == before
    network.come_back(*range(2, 8))
    wait_until(lambda: "most of the agents that fell silent at once are back" in network.log(), 30, network.log)
    assert network.states() == before


@pytest.mark.timeout(200)
@pytest.mark.parametrize("network", [", check_url: 'http://127.0.0.1:1'"], indirect=True)
def test_own_fault_accuses_nobody(network):
    time.sleep(HOLD_S)
    network.fall_silent(*range(LINES))
    wait_until(lambda: "9 agents fell silent at once while the collector finds a fault in itself" in network.log(), 60, network.log)
    assert network.person.get("/readyz").json["self_check"]["faults"] == ["address"]
    time.sleep(TICKET_AFTER_S)
    assert network.states() == {}

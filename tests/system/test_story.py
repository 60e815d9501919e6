"""Where it lies, on real links: a shared link, the way to the hub, the server, the power of a building. One cause, one incident,
and tickets only for lines that deserve them."""
import json
import time

import pytest

from lab.lab import Lab, wait_until
from plumbline import is_clean
from world import World

# A shaped link is a little slower than the promise, which a file tests in two seconds (S1). All transfers that share the link still
# pass it within a cell, so that every agent goes on measuring once in each.
CELL_S = 24
SIZES = {"local": "256KiB", "hub": "64KiB"}
SLOW_LOCAL, SLOW_HUB = "940kbit", "235kbit"

CONFIG = """
listen: {noc}:8443
tls: {{certificate: {state}/noc.pem, key: {state}/noc.key}}
database: {state}/collector.db
reference_files:
  - {{name: local, leg: local, node: core, url: "http://{local}:8080/local.bin", sha256: "{local_sha256}", size: 256KiB}}
  - {{name: hub, leg: hub, node: hub, url: "http://{hub}:8080/hub.bin", sha256: "{hub_sha256}", size: 64KiB}}
service_plans:
  - {{name: norm, local_min: 120KB/s, hub_min: 30KB/s, reliability: norm-2001, interval: 24s}}
decision: {{open_bad: 2, open_of: 3, open_span: 10m, open_within: 12h, close_not_good: 0, close_of: 2, suspect_bad: 2, suspect_of: 2,
            blind_bad: 2, blind_of: 3}}
schedule: {{report: 1s}}
"""

# Buildings 2 and 3 stand behind one shared link from building 1.
TOPOLOGY = """node,kind,parents,name
core,core,,Core
b1,building,core,Building 1
trunk,link,b1,Link from 1 to 2 and 3
b2,building,trunk,Building 2
b3,building,trunk,Building 3
b4,building,core,Building 4
"""
ROUTERS = {"b1": "core", "trunk": "b1"}
SITES = {f"{building}{place}": (building, hangs_on)
         for building, hangs_on in (("b1", "b1"), ("b2", "trunk"), ("b3", "trunk"), ("b4", "core")) for place in "xy"}
CLIENTS = ("client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email\n" +
           "".join(f"{number},Client {site},B,no,Anna,line-{site},{building},Mill Lane {number},norm,Maria,1,m@{site}.example\n"
                   for number, (site, (building, _)) in enumerate(SITES.items(), 1)))
BEHIND_TRUNK = {f"line-{site}" for site, (_, hangs_on) in SITES.items() if hangs_on == "trunk"}

WATCH = """watch: {carrier: 500ms, gateway: 1s, local: 1s, hub: 1s, names: 2s, http: 2s, timeout: 1s, sweep: 1s,
        down_after: 2s, up_after: 1s, brief: 1s, outage: 3s, merge: 3s, starting: 100ms, bin: 30s, hub_bin: 30s, journal: 1s}
"""


class Story(World):
    def incidents(self, **wanted):
        items = self.as_person(lambda person: person.get("/api/v1/incidents?limit=100").json["items"])
        return [item for item in items if all(item.get(name) == value for name, value in wanted.items())]

    def unclosed(self):
        return [ticket for ticket in self.tickets() if ticket["state"] not in ("closed", "withdrawn")]

    def post(self, path, body=None):
        reply = self.as_person(lambda person: (lambda r: [r.status, r.text])(person.post(path, body)))
        assert reply[0] == 200, reply
        return json.loads(reply[1])

    def shown(self):
        return (f"incidents {json.dumps(self.incidents(), indent=1)}\ntickets "
                f"{[(t['line'], t['defect'], t['state']) for t in self.tickets()]}\n{self.log()}")

    def provider_down_ms(self, line):
        outages = self.as_person(lambda person: person.get(f"/api/v1/lines/{line}/outages").json)
        return outages["availability"]["down_ms"]

    def power_off(self, site):
        """Nobody says good-bye."""
        self.lab.stop(self.agents[site], with_signal=9)

    def power_on(self, site, boot):
        path = f"{self.state}/{site}-boot-id"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"0000000{boot}-0000-4000-8000-000000000000\n")
        self.run_agent(site, before=f"mount --bind {path} /proc/sys/kernel/random/boot_id")


@pytest.fixture
def story(root, build, tmp_path):
    with Lab("story", build, str(tmp_path)) as lab:
        made = Story(lab, root, build, tmp_path, CONFIG, TOPOLOGY, CLIENTS, reference_sizes=SIZES)
        for router, above in ROUTERS.items():
            lab.add_host(router, on=above, router=True)
        for site, (_, hangs_on) in SITES.items():
            lab.add_host(site, on=hangs_on)
        made.start_collector()
        for site in SITES:
            made.start_agent(site, f"line-{site}", WATCH)
        yield made


@pytest.mark.timeout(600)
def test_one_cause_is_one_incident(story):
    wait_until(lambda: all(len(story.made(site)) >= 4 for site in SITES), 90, story.shown, poll_s=1)
    assert story.incidents() == [] and story.tickets() == []

    the_shared_link(story)
    the_way_to_the_hub(story)
    the_local_server(story)
    the_power_of_a_building(story)

    statuses = [story.lab.stop(agent) for agent in story.agents.values()] + [story.lab.stop(story.running)]
    assert set(statuses) == {0} and is_clean(story.log()), story.log()


def the_shared_link(story):
    """One incident that names the link, the four tickets under it, none in buildings 1 and 4; repaired, proven, closed."""
    began = time.monotonic()
    story.lab.shape("trunk", SLOW_LOCAL, latency="100ms")

    def is_localised():
        found = story.incidents(state="open")
        tickets = story.unclosed()
        is_whole = {t["line"] for t in tickets} == BEHIND_TRUNK
        return is_whole and found and set(found[0]["tickets"]) == {t["id"] for t in tickets} and found
    incident, = wait_until(is_localised, 120, story.shown, poll_s=1)
    assert incident["kind"] == "segment" and incident["culprits"] == ["trunk"], story.shown()
    assert set(incident["lines"]) == BEHIND_TRUNK
    assert {t["defect"] for t in story.unclosed()} == {"slow-local"}
    print(f"the link from 1 to 2 and 3: localised {time.monotonic() - began:.0f} s after it was shaped")

    story.lab.free("trunk")
    story.post(f"/api/v1/incidents/{incident['id']}/fixed", {"cause": "the link", "done": "replaced"})
    wait_until(lambda: {t["state"] for t in story.unclosed()} == {"proven"} and story.incidents(id=incident["id"], state="proven"),
               120, story.shown, poll_s=1)
    story.post(f"/api/v1/incidents/{incident['id']}/close")
    for ticket in story.unclosed():
        story.post(f"/api/v1/tickets/{ticket['id']}/close", {"note": "told"})
    assert story.unclosed() == [] and story.incidents(state="open") == []
    assert {t["line"] for t in story.tickets()} == BEHIND_TRUNK


def the_way_to_the_hub(story):
    """Everybody's hub is slow: one upstream incident, and no client's ticket."""
    story.lab.run("hub", ["tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", SLOW_HUB, "burst", "4kb", "latency", "500ms"])
    incident, = wait_until(lambda: story.incidents(state="open"), 120, story.shown, poll_s=1)
    assert incident["kind"] == "upstream" and incident["tickets"] == [], story.shown()
    assert story.unclosed() == [], story.shown()
    story.lab.run("hub", ["tc", "qdisc", "del", "dev", "eth0", "root"])


def the_local_server(story):
    """The file server dies: one incident about it, and no outage of any client. Agents report an interruption once it has ended."""
    story.lab.stop(story.servers["local"])
    story.lab.run("local", ["ip", "link", "set", "eth0", "down"])
    time.sleep(2.5 * CELL_S)   # that long it is dead: two evaluations
    story.lab.run("local", ["ip", "link", "set", "eth0", "up"])
    story.lab.run("local", ["ip", "route", "replace", "default", "via", story.lab.address("local")[:-1] + "1"])
    story.servers["local"] = story.start_file_server("local")
    wait_until(lambda: [len(i["lines"]) for i in story.incidents(kind="server")] == [len(SITES)], 90, story.shown, poll_s=1)
    assert story.incidents(kind="server")[0]["tickets"] == [], story.shown()
    wait_until(lambda: not story.incidents(state="open"), 120, story.shown, poll_s=1)
    kinds = sorted(incident["kind"] for incident in story.incidents() if incident["state"] != "withdrawn")
    assert kinds == ["segment", "server", "upstream"], story.shown()
    assert [story.provider_down_ms(f"line-{site}") for site in SITES] == [0] * len(SITES), story.shown()
    assert story.unclosed() == [], story.shown()


def the_power_of_a_building(story):
    """Both agents of building 2 lose power and boot again: no downtime of the provider's, no ticket."""
    dark = [site for site, (building, _) in SITES.items() if building == "b2"]
    for site in dark:
        story.power_off(site)
    time.sleep(6)   # that long it is dark
    for number, site in enumerate(dark, 1):
        story.power_on(site, number)

    def said(site):
        outages = story.as_person(lambda person: person.get(f"/api/v1/lines/line-{site}/outages").json)
        return [o for o in outages["items"] if o["cause"] == "power"]
    wait_until(lambda: all(said(site) for site in dark), 60, story.shown, poll_s=1)
    assert [story.provider_down_ms(f"line-{site}") for site in dark] == [0, 0], story.shown()
    assert story.unclosed() == [], story.shown()

"""plumbline-collector localise: a file in, JSON out, each fault of the file named; no configuration, no database."""
import json
import os

import pytest

from plumbline import run_here

CHAIN = [{"id": "core", "parents": []}, {"id": "b1", "parents": ["core"]}, {"id": "b2", "parents": ["b1"]},
         {"id": "b3", "parents": ["b2"]}]


def network(**states):
    """b2="GB" hangs a good and a bad leaf from b2."""
    words = {"G": "good", "B": "bad", "U": "unknown"}
    leaves = [{"id": f"{node}-{i}", "node": node, "state": words[letter], "hard": False}
              for node, letters in states.items() for i, letter in enumerate(letters)]
    return {"nodes": CHAIN, "leaves": leaves}


@pytest.fixture
def localise(build, tmp_path):
    def run(content, *options):
        path = tmp_path / "network.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return run_here([os.path.join(build, "plumbline-collector"), "localise", str(path), *options], check=False)
    return run


def test_answers_a_network_and_a_list_of_networks(localise):
    done = localise(network(b1="GGG", b2="BBB", b3="BBB"))
    assert (done.returncode, done.stderr) == (0, "")
    one = json.loads(done.stdout)
    assert one == {"culprits": [{"node": "b2", "class": ["b2"], "margin": 18, "confidence": "high", "bad": 6, "good": 0,
                                 "contradictions": [], "alternatives": []}], "isolated": [], "hints": []}
    done = localise([network(b1="GGG", b2="BBB", b3="BBB"), network(b1="GG", b2="UU", b3="BBB")], "--json")
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    first, second = json.loads(done.stdout)
    assert first == one and second["culprits"][0]["class"] == ["b2", "b3"]


@pytest.mark.parametrize("content, said", [
    ("{", "line 1, column 1"),
    ('{"nodes": [], "nodes": [], "leaves": []}', "duplicate object key"),
    ([network(), {"nodes": CHAIN, "leaves": [{"id": "x", "node": "b9", "state": "bad"}]}],
     '[1].leaves[0].node: "b9" is no node, add it or correct the name'),
    ({"nodes": [{"id": "a", "parents": ["a"]}], "leaves": []}, "nodes[0].parents[0]"),
])
def test_names_what_is_wrong_with_the_file(localise, content, said):
    done = localise(content)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plumbline-collector: localise: /") and "network.json: " in done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_says_when_there_is_no_file(build):
    done = run_here([os.path.join(build, "plumbline-collector"), "localise", "/nowhere.json"], check=False)
    assert done.returncode == 2
    assert done.stderr == "plumbline-collector: localise: /nowhere.json: No such file or directory\n"

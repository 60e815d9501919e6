"""Rules about the tree itself: which folder may include which, headers that compile alone, manuals, units, installation."""
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Folder -> what its files may include of ours (design: arrows point one way).
MAY_INCLUDE = [
    ("agent/base/", ["agent/base/"]),
    ("agent/", ["agent/"]),
    ("collector/http/", ["collector/http/", "agent/base/"]),
    ("collector/base/", ["collector/base/", "agent/base/"]),
    ("collector/decide/", ["collector/decide/", "collector/base/", "agent/base/"]),
    ("collector/store/", ["collector/store/", "collector/decide/", "agent/base/"]),
    ("collector/derive/", ["collector/derive/", "collector/store/", "collector/decide/", "collector/collector_keys.h", "collector/web/zone.h",
                           "agent/base/"]),
    ("collector/web/", ["collector/web/", "collector/http/url.h", "agent/base/"]),
    ("collector/", ["collector/", "agent/base/"]),
]


def tracked(pattern):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, text=True)
    return [path for path in listed.stdout.splitlines() if os.path.exists(os.path.join(ROOT, path))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def test_arrows_point_one_way():
    wrong = []
    for path in tracked("*.[ch]"):
        allowed = next((may for folder, may in MAY_INCLUDE if path.startswith(folder)), None)
        for included in re.findall(r'^#include "([^"]+)"', read(path), re.MULTILINE):
            if allowed and "/" in included and not any(included.startswith(folder) for folder in allowed):
                wrong.append(f"{path} includes {included}")
    assert wrong == []


def test_every_header_compiles_alone_and_says_what_it_is():
    for path in tracked("*.h"):
        assert read(path).startswith(f"/* {os.path.basename(path)} - "), f"{path}: its first line names it"
        done = subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I.", "-I/usr/share/include/llhttp", "-D_GNU_SOURCE",
                               "-fsyntax-only", "-x", "c", "-"], input=f'#include "{path}"\n', cwd=ROOT, text=True,
                              stderr=subprocess.PIPE)
        assert done.returncode == 0, f"{path}: {done.stderr}"


@pytest.mark.parametrize("manual", tracked("*.[58]"))
def test_manual_is_well_formed(manual):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", manual], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout


def sample_keys(path):
    """Every key that a sample file shows, commented out or not, also inside {…}."""
    keys = set()
    for line in read(path).splitlines():
        text = re.sub(r'"[^"]*"', '""', line)
        text = re.sub(r"^\s*#\s*(?=(- \{)?[a-z][a-z0-9_]*:( |$))", "", text).split(" #")[0]
        if not text.lstrip().startswith("#"):
            keys.update(re.findall(r"(?:^|[\s{,])([a-z][a-z0-9_]*):(?=\s|$)", text))
    return keys


@pytest.mark.parametrize("sample, manual", [("config/agent.yaml", "agent/plumbline-agent.yaml.5"),
                                            ("config/collector.yaml", "collector/plumbline-collector.yaml.5")])
def test_every_key_stands_in_the_manual(sample, manual):
    described = set(re.findall(r"^\.It Cm (\S+)", read(manual), re.MULTILINE))
    assert sample_keys(sample) - described == set() and described - sample_keys(sample) == set()


@pytest.mark.parametrize("unit", tracked("systemd/*.service"))
def test_unit_is_hardened(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
    assert exposure <= 2.0, done.stdout


def test_rules_that_code_cites_stand_in_the_methodology():
    written = set(re.findall(r"^\*\*([A-Z][0-9]+)\*\*", read("agent/methodology.md") + read("collector/methodology.md"), re.MULTILINE))
    cited = set()
    for path in tracked("agent/*.[ch]") + tracked("collector/*.[ch]"):
        for comment in re.findall(r"/\*.*?\*/", read(path), re.DOTALL):
            cited.update(re.findall(r"\b([TSKPDVCHGIJQLOUFR][0-9]{1,2})\b", comment))
    assert cited - written == set()


def test_install_puts_everything_below_destdir(tmp_path):
    subprocess.run(["make", "-s", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/plumbline"], cwd=ROOT, check=True)
    prefix = tmp_path / "opt/plumbline"
    for path in ("bin/plumbline-agent", "bin/plumbline-collector", "share/man/man8/plumbline-agent.8",
                 "share/man/man5/plumbline-collector.yaml.5", "lib/sysusers.d/plumbline.conf", "lib/tmpfiles.d/plumbline.conf"):
        assert (prefix / path).exists(), path
    unit = (prefix / "lib/systemd/system/plumbline-agent.service").read_text()
    assert "ExecStart=/opt/plumbline/bin/plumbline-agent run" in unit
    shown = subprocess.run([prefix / "bin/plumbline-agent", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert re.match(r"plumbline-agent \d+\.\d+\.\d+", shown)

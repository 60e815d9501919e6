"""What the system tests share: the programs with sanitizers, a laboratory, a collector and agents inside it."""
import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

BUILD = os.path.join(ROOT, os.environ.get("PLUMBLINE_BUILD", "build/san"))
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")


@pytest.fixture
def build():
    return BUILD


@pytest.fixture
def root():
    return ROOT

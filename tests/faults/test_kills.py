"""The short form of `python tests/faults/long.py --kills=30`."""

import random
import re
import runpy
import sys
from pathlib import Path

import pytest


@pytest.mark.machines
@pytest.mark.timeout(1200)
def test_killed_while_packing_in_a_step_and_in_a_checkpoint_it_ends_in_the_uninterrupted_result(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # the script adds its folders
    seed = random.SystemRandom().randrange(1000)
    print(f"seed of the kills: {seed}")
    long = runpy.run_path(str(Path(__file__).with_name("long.py")))
    moments = long["run"](tmp_path, kills=3, seed=seed)
    assert moments[0].startswith("packing: ") and len(moments) == 3
    assert all(re.match(r"epoch \d+, ", moment) for moment in moments[1:])

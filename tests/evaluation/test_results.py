"""The file of results: what is written is read again, and nothing else is."""

import json
import math
import re

import pytest

from gandeblur.errors import InputError
from gandeblur.evaluation.results import PaperTable, Results, Test, Trained

RESULTS = Results(
    title="A paper",
    citation="Authors",
    description="A test.",
    ours="ours",
    methods=["input", "ours"],
    runs={"ours": {"optimizer": {"learning_rate": 1e-4, "clipping": None}, "departures": ["none"]}},
    training={"ours": Trained(steps=3, seconds=1.5, images=12)},
    test=Test(sets={"set": 1}, conditions={"set": "blur"}, seed=0, dropout=True),
    protocol="rgb",
    weights_sha256={"ours": "ab"},
    commit=None,
    versions={"keras": "3"},
    created="2026-01-02T03:04:05+00:00",
    sets={"set": {"methods": {"ours": {"psnr_db": {"mean": math.inf}}}}},
    paper=PaperTable(table="Table 1", rows={"set": {"ours": [20.0, 0.5]}}, measured={"set": "set"}),
    audit={},
    history={"step": [1, 2], "loss": [None, 0.5]},
)


def test_what_is_written_is_read_again(tmp_path):
    RESULTS.to_json(tmp_path / "results.json")
    assert Results.from_json(tmp_path / "results.json") == RESULTS
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def without(content, key):
    return {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content | {"version": 0}, "an older version wrote it"),
        (lambda content: without(content, "version"), "an older version wrote it"),
        (lambda content: content | {"version": 999}, "a newer version wrote it"),
        (lambda content: [], "an older version wrote it"),
        (lambda content: without(content, "sets"), "not as this version writes it"),
        (lambda content: without(content, "paper"), "not as this version writes it"),
        (lambda content: content | {"test": {"seed": 0}}, "not as this version writes it"),
        (lambda content: content | {"unknown": 1}, "not as this version writes it"),
    ],
)
def test_files_of_another_schema_are_refused(tmp_path, change, message):
    path = tmp_path / "results.json"
    RESULTS.to_json(path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: {message}; run --stage=evaluate again$"):
        Results.from_json(path)


def test_missing_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match="no such file; run --stage=evaluate first"):
        Results.from_json(path)
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read .*; run --stage=evaluate again"):
        Results.from_json(path)

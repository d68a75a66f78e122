"""Each case of the table: what a photograph keeps, what it says, and which are refused."""

import described_cases
import pixel_cases
import pytest
from photograph_cases import Case, restored


@pytest.mark.parametrize("case", [*described_cases.CASES, *pixel_cases.CASES], ids=lambda case: case.what)
def test_what_comes_out(case: Case, tmp_path):
    pytest.importorskip(case.needs)
    assert case.seen(restored(tmp_path, case.name, case.make)) == case.right

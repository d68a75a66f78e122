"""Each case of the table: what a film keeps, and what it says."""

import film_cases
import pytest

pytest.importorskip("av")


@pytest.mark.parametrize("case", film_cases.CASES, ids=lambda case: case.what)
def test_what_comes_out(case: film_cases.Case, tmp_path):
    assert case.seen(film_cases.restored(tmp_path, case.name, case.make)) == case.right

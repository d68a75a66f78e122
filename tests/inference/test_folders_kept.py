"""Each case of the table: what becomes of folders and names as people have them."""

import folder_cases
import pytest


@pytest.mark.parametrize("case", folder_cases.CASES, ids=lambda case: case.what)
def test_what_comes_out(case: folder_cases.Case, tmp_path):
    case.make(tmp_path)
    assert case.seen(tmp_path) == case.right

import pytest

from gandeblur.data.datasets import Pair, PairSet
from gandeblur.data.reader import check_decodes
from gandeblur.errors import InputError


def test_a_damaged_image_is_found_before_a_training(pairs, truncated):
    check_decodes(pairs)
    damaged = PairSet("p", "blur", (*pairs.pairs, Pair("bad", truncated, truncated)))
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        check_decodes(damaged)

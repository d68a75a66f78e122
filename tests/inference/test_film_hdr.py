from pathlib import Path
from types import SimpleNamespace

import pytest

from gandeblur.errors import InputError
from gandeblur.inference.film_colour import Colour
from gandeblur.inference.film_hdr import lost_side_data, refuse_hidden


def frame(*kinds):
    return SimpleNamespace(side_data=[SimpleNamespace(type=SimpleNamespace(name=kind)) for kind in kinds])


def test_what_frames_carry_and_no_encoder_writes_is_named():
    hlg = Colour(9, 9, 18, 1)
    named = lost_side_data(frame("DOVI_RPU_BUFFER", "DOVI_METADATA", "SPHERICAL", "SEI_UNREGISTERED"), hlg, True)
    assert named[0].startswith("HDR (HLG) kept")
    assert named[1] == "left out: Dolby Vision, the mark of a 360-degree film"
    assert lost_side_data(frame("A53_CC"), Colour(1, 1, 1, 1), True) == []
    assert lost_side_data(frame("A53_CC"), Colour(1, 1, 1, 1), False) == ["left out: captions within the pictures"]


def test_dolby_vision_without_a_picture_for_others_is_refused():
    with pytest.raises(InputError, match=r"a\.mp4: is Dolby Vision .* \(profile 5\)"):
        refuse_hidden(Path("a.mp4"), frame("DOVI_METADATA"), Colour(2, 2, 2, 1))
    refuse_hidden(Path("a.mp4"), frame("DOVI_METADATA"), Colour(9, 9, 18, 1))
    refuse_hidden(Path("a.mp4"), frame(), Colour(2, 2, 2, 1))

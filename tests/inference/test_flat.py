import numpy as np
from pictures import squares

from gandeblur.inference import flat


def test_flat_areas_change_by_two_levels_and_texture_as_the_network_says():
    image = np.full((128, 128, 3), 100, np.uint8)
    image[:, 64:] = squares(128)[:, :64]

    def restore(image, **options):
        return (image.astype(int) + 40).clip(0, 255).astype(np.uint8)

    restored = flat.kept(restore)(image)
    assert np.abs(restored[:, :32].astype(int) - 100).max() == flat.MOST_CHANGED
    np.testing.assert_array_equal(restored[:, 80:], restore(image)[:, 80:])


def test_stars_in_a_night_sky_are_restored_and_the_sky_stays():
    sky = np.full((128, 128, 3), 12, np.uint8)
    sky[64, 64] = 250

    def restore(image, **options):
        return (image.astype(int) + 30).clip(0, 255).astype(np.uint8)

    restored = flat.kept(restore)(sky)
    assert restored[64, 64, 0] == 255
    assert restored[:40].max() <= 14 and restored[:, 90:].max() <= 14

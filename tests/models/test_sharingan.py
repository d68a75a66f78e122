from gandeblur.models import deblurgan, sharingan


def test_its_networks_are_deblurgans():
    assert sharingan.generator is deblurgan.generator and sharingan.critic is deblurgan.critic

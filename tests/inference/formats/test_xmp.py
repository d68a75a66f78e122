import pytest
from photograph_files import packet

from gandeblur.inference.formats import xmp

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
TIFF = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'


def described(inside, attributes="", declared=TIFF):
    return f"<rdf:RDF {RDF}><rdf:Description {declared} {attributes}>{inside}</rdf:Description></rdf:RDF>".encode()


def test_what_is_true_stays_as_it_is():
    for data in (
        packet('dc:creator="José &amp; 山田"'),
        described("<tiff:Make>X</tiff:Make>"),
        b"no XML",
        b"",
        b"\xff\0",
    ):
        assert xmp.true(data + b"  \n<?xpacket end='w'?>", 1).data == data + b"  \n<?xpacket end='w'?>"


def test_turning_exchanges_sides_and_sets_the_orientation():
    elements = described(
        "<tiff:Orientation>6</tiff:Orientation><exif:PixelXDimension>40</exif:PixelXDimension>"
        "<exif:PixelYDimension>3000</exif:PixelYDimension>"
    )
    attributes = described("", 'tiff:Orientation="6" tiff:ImageWidth="40" tiff:ImageLength=\'3000\'')
    assert b">1</tiff:O" in xmp.true(elements, 6).data and b"XDimension>3000<" in xmp.true(elements, 6).data
    assert b"Width=\"3000\" tiff:ImageLength='40'" in xmp.true(attributes, 6).data
    assert xmp.true(attributes, 3).data == attributes.replace(b'"6"', b'"1"')  # upside down: the same sides
    assert xmp.true(attributes, 0).data == attributes  # the EXIF data say nothing: nobody turned the picture


@pytest.mark.parametrize("form", ["attributes", "elements"])
def test_regions_turn_with_the_picture(form):
    spaces = (
        'xmlns:a="http://ns.adobe.com/xmp/sType/Area#" xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"'
    )
    place = {"x": 0.25, "y": 0.4, "w": 0.1, "h": 0.2}
    if form == "attributes":
        area = "<r:Area " + " ".join(f'a:{name}="{value}"' for name, value in place.items()) + "/>"
    else:
        area = "<r:Area>" + "".join(f"<a:{name}>{value}</a:{name}>" for name, value in place.items()) + "</r:Area>"
    new = xmp.true(described(area, declared=spaces), 6).data.decode()
    wanted = {"x": 0.6, "y": 0.25, "w": 0.2, "h": 0.1}
    for name, value in wanted.items():
        assert (f'a:{name}="{value}"' if form == "attributes" else f"<a:{name}>{value}<") in new


def test_promises_go_whatever_their_prefix():
    spaces = 'xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:k="http://ns.google.com/photos/1.0/camera/"'
    inside = "<h:GainMapMax><rdf:Seq><rdf:li>2</rdf:li></rdf:Seq></h:GainMapMax><k:BurstID>7</k:BurstID>"
    data = described(inside, 'h:Version="1.0" k:MotionPhoto="1" k:MicroVideoOffset="5"', spaces)
    new, gone, _ = xmp.true(data)
    assert set(gone) == {"HDR gain map", "motion clip"}
    assert new == described("<k:BurstID>7</k:BurstID>", "", spaces.partition(" ")[2]).replace(
        b'1.0/camera/" >', b'1.0/camera/">'
    )


def test_an_extension_without_properties_is_told():
    depth = packet('GDepth:Data="AAAA"').replace(' dc:format="José"'.encode(), b"")
    assert not xmp.holds_nothing(depth) and xmp.holds_nothing(xmp.true(depth).data)

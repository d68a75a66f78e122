"""Pages of a report as text and tags, and the errors of what the reports of the tests show."""

import re
from html.parser import HTMLParser

METHODS = ["input", "gain undone + Wiener", "GAN-D"]
# Errors in grey levels of each method on each image: GAN-D is best on c, then a, b, e, d.
ERRORS = {
    "a": (20, 10, 6),
    "b": (20, 10, 7),
    "c": (20, 10, 5),
    "d": (20, 10, 9),
    "e": (20, 10, 8),
}
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Text, tags with attributes, and a check that every element is closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.parts = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.parts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.parts))


def section(page, name):
    return Page(re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL).group()).text

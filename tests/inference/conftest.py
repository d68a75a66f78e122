import pytest

from gandeblur import cli


class Identity:
    purpose = "nothing"

    def restore(self, image, **options):
        return image

    def scale_of(self, asked):
        return 1.0

    def remark(self, blurred, restored, scale):
        return ""


@pytest.fixture
def run(monkeypatch, capsys):
    """`gandeblur ARGUMENTS` with the identity as network: exit status, stdout, stderr."""
    monkeypatch.setattr(cli, "_load", lambda options: Identity())

    def run(*arguments):
        status = cli.main(list(map(str, arguments)))
        return status, *capsys.readouterr()

    return run

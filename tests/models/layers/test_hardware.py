import pytest

from gandeblur.models.layers import hardware


@pytest.mark.parametrize(
    "told, emulates",
    [
        ("processor : 0\nflags\t\t: fpu sse2 avx512_bf16 fma\n", False),
        ("processor : 0\nflags\t\t: fpu sse2 avx2 fma\n", True),
        ("processor : 0\nFeatures\t: fp asimd bf16\n", False),
        ("processor : 0\nFeatures\t: fp asimd\n", True),
        ("processor : 0\n", False),  # not told
        (None, False),
    ],
)
def test_whether_bfloat16_is_emulated(told, emulates, tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "has_accelerator", lambda: False)
    monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "cpuinfo")
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    assert hardware.emulates_bfloat16() is emulates
    monkeypatch.setattr(hardware, "has_accelerator", lambda: True)
    assert not hardware.emulates_bfloat16()

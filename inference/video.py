"""Restoring videos, frame by frame; needs the extra `video`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import LASTING, replacing

SUFFIXES = (".mp4", ".mov", ".mkv", ".m4v", ".webm", ".avi")
QUALITY = 16  # x264's constant rate factor: visually lossless


def restore_video(
    restore: Callable[..., np.ndarray],
    source: Path,
    target: Path,
    progress: Callable[[float], None] = lambda share: None,
    **options: Any,
) -> None:
    """Restores every frame of a video file; sound and times are kept.

    The new file is in the same container, its frames in H.264 (VP9 in WebM). A phone's rotation is applied to the
    pixels. H.264's colours need even sides: the last row or column of an odd one is left out.

    Args:
        restore: uint8 `[H, W, 3]` -> the same, see `Deblurrer.restore`.
        source: video file.
        target: file to write or replace, whole or not at all.
        progress: called with the share of the frames that are done.
        options: of `restore`.

    Raises:
        InputError: PyAV is missing, or the file is no video or damaged.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"{source}: videos need the extra: pip install 'gandeblur[video]'") from error
    try:
        with replacing(target) as temporary, _opened(source) as old:
            if not old.streams.video:
                raise InputError(f"{source}: holds no video")
            pictures = old.streams.video[0]
            sounds = old.streams.audio[:1]
            # The temporary name ends as the target's does: the container is chosen by it.
            with _opened(temporary, "w") as new:
                codec = "libvpx-vp9" if target.suffix.lower() == ".webm" else "libx264"
                encoder = new.add_stream(
                    codec, rate=pictures.average_rate, time_base=pictures.time_base, options={"crf": str(QUALITY)}
                )
                encoder.pix_fmt = "yuv420p"
                copies = {sound: new.add_stream_from_template(sound) for sound in sounds}
                waiting: list = []  # sound before the first frame: the header states the frames' size
                count, seconds = 0, float(old.duration or 0) / av.time_base
                for packet in old.demux(pictures, *sounds):
                    if packet.stream in copies:
                        if packet.dts is not None:
                            packet.stream = copies[packet.stream]
                            if count:
                                new.mux(packet)
                            else:
                                waiting.append(packet)
                        continue
                    for frame in packet.decode():
                        pixels = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                        restored = restore(np.ascontiguousarray(pixels), **options)
                        height, width = (side // 2 * 2 for side in restored.shape[:2])
                        if not count:
                            encoder.width, encoder.height = width, height
                            new.start_encoding()
                            new.mux(waiting)
                        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(restored[:height, :width]), "rgb24")
                        image.pts, image.time_base = frame.pts, frame.time_base
                        new.mux(encoder.encode(image))
                        count += 1
                        progress(min(1.0, float(frame.time or 0) / seconds) if seconds else 0.0)
                if not count:
                    raise InputError(f"{source}: holds no frame that can be read; replace the file or leave it out")
                new.mux(encoder.encode(None))
    except av.FFmpegError as error:
        if error.errno in LASTING:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise InputError(f"{source}: cannot be read as a video ({error.strerror}); leave it out") from error


def _opened(path: Path, mode: Literal["r", "w"] = "r") -> Any:
    import av

    return av.open(str(path.absolute()), mode)  # a relative name with a colon would be taken for a protocol

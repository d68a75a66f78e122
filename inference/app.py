"""A page for people who use no terminal: drop a photograph, choose a network, compare, download (`gandeblur app`).

Gradio serves it to this machine alone. Whoever opens it reaches the pictures brought there and what became of them, and
no other file; both are gone when the command ends.
"""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference import photographs, video
from gandeblur.inference.files import failure, jobs, restore_photograph
from gandeblur.inference.scale import SCALES, Choice, Scale
from gandeblur.weights import use

if TYPE_CHECKING:  # it imports TensorFlow, which `gandeblur.load` does more quietly
    from gandeblur.inference.restore import Deblurrer

SHOWN_PX = 1600  # longest side of the pictures on the page; the file to download has all its pixels
WAITING = 8  # so many photographs wait for the one that is being restored; who comes then is asked to try again
KEPT_S = 3600  # pictures stay for an hour
SIZES = [
    ("as its blur asks", "auto"),
    ("each part at its own", "local"),
    *((Choice(scale).size, scale) for scale in SCALES),
]


def page(networks: "Mapping[str, Deblurrer]", **options: Any) -> Any:
    """The page, a `gradio.Blocks`.

    Args:
        networks: name -> network, to choose from.
        options: of `Deblurrer.restore`.

    Raises:
        InputError: Gradio is not installed.
    """
    gr = _gradio()
    following = gr.Progress()  # Gradio gives each call its own, by this default

    def restore(
        upload: str | None,
        name: str,
        scale: Scale,
        force_restore: bool,
        self_ensemble: bool,
        progress: Any = following,
    ) -> Iterator[tuple[Any, Any]]:
        if upload is None:
            raise gr.Error("Drop a photograph first.", print_exception=False)
        source = Path(upload)
        if source.suffix.lower() in video.SUFFIXES:
            raise gr.Error(
                f"{source.name}: a film; gandeblur restore restores it", duration=None, print_exception=False
            )
        with tempfile.TemporaryDirectory() as folder:
            [(_, target)] = jobs([upload], Path(folder))

            def part_done(share: float) -> None:
                progress(share, desc=source.name)

            network = networks[name]
            choices = {"force_restore": force_restore, "self_ensemble": self_ensemble, **options}
            try:
                choices["scale"] = network.scale_of(scale)
                notes = restore_photograph(
                    network.restore, source, target, network.remark, progress=part_done, **choices
                )
                shown = tuple(_small(file) for file in (source, target))
            except Exception as error:
                line = failure(source, error).replace(str(source), source.name)
                raise gr.Error(line, duration=None, print_exception=False) from error
            for note in notes:
                gr.Info(note, duration=None)
            yield shown, gr.DownloadButton(value=str(target), interactive=True)  # Gradio copies the file

    def nothing_yet() -> tuple[Any, Any]:
        return None, gr.DownloadButton(value=None, interactive=False)

    with gr.Blocks(title="gandeblur", analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)) as blocks:
        gr.Markdown("# gandeblur\nRestores blurred photographs. They stay on this machine.")
        with gr.Row():
            with gr.Column():
                upload = gr.File(
                    label="Photograph",
                    file_types=[*photographs.SUFFIXES, *video.SUFFIXES],
                    elem_id="photograph",
                    height=140,
                )
                name = gr.Radio(
                    [
                        (f"{name}: {network.purpose}{use(network.description)}", name)
                        for name, network in networks.items()
                    ],
                    value=next(iter(networks)),
                    label="Network, and the blur that it was trained for",
                )
                scale = gr.Dropdown(
                    SIZES,
                    value="auto",
                    label="Size at which it is restored",
                    info="Smaller for more blur: a network undoes some 20 pixels.",
                )
                force = gr.Checkbox(label="Restore what is hardly blurred, too", info="Else it is left as it is.")
                ensemble = gr.Checkbox(label="Mean over the 8 flips and turns", info="A little better, 8 times slower.")
                button = gr.Button("Restore", variant="primary", elem_id="restore")
            with gr.Column(scale=2):
                slider = gr.ImageSlider(
                    label="Before and after",
                    type="pil",
                    format="png",
                    interactive=False,
                    buttons=["fullscreen"],  # not its download: the picture here may be a smaller copy
                    elem_id="slider",
                    height=500,
                )
                download = gr.DownloadButton("Download at full quality", interactive=False, elem_id="download")
        upload.change(nothing_yet, None, [slider, download], api_visibility="private")
        button.click(restore, [upload, name, scale, force, ensemble], [slider, download], api_visibility="private")
    return blocks


def serve(
    networks: "Mapping[str, Deblurrer]",
    port: int | None = None,
    browser: bool = True,
    most_bytes: int = 100 * 2**20,
    most_megapixels: int = 100,
    **options: Any,
) -> None:
    """Serves the page on 127.0.0.1 until Ctrl-C or SIGTERM.

    Args:
        networks: see `page`.
        port: None: the first free one from 7860 on.
        browser: whether to open the page there.
        most_bytes: of a file; a larger one is not taken.
        most_megapixels: of a photograph; a larger one is refused before it is decoded.
        options: of `Deblurrer.restore`.

    Raises:
        InputError: Gradio is not installed, or the port is taken.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folder goes
    with photographs.allowing(most_megapixels), tempfile.TemporaryDirectory(prefix="gandeblur-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # before the import, which reads it
        gr = _gradio()
        blocks = page(networks, **options).queue(max_size=WAITING)
        fonts = {"font": ("system-ui", "sans-serif"), "font_mono": ("ui-monospace", "monospace")}  # none from the net
        try:
            _, address, _ = blocks.launch(
                server_name="127.0.0.1",
                server_port=port,
                share=False,
                inbrowser=browser,
                max_file_size=most_bytes,
                theme=gr.themes.Default(**fonts),
                ssr_mode=False,
                footer_links=[],
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise InputError(f"port {port or '7860 and a hundred more'}: taken; choose another by --port") from error
        print(f"{address} (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            blocks.block_thread()


def _gradio():
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio
    except ModuleNotFoundError:
        raise InputError("the page needs Gradio; install it: pip install 'gandeblur[app]'") from None
    return gradio


def _small(path):
    """The picture for the page, in 8 bits."""
    image = photographs.shown(photographs.read(path))
    image.thumbnail((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    return image

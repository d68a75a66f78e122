"""A trained generator as a file for other runtimes, checked against Keras as soon as it is written.

Every file takes float32 images `[B, H, W, 3]` in the generator's value range and returns the restored ones. H and W may
be any, or `size` fixes them: the file mirrors the image at its border as `Deblurrer.restore` does, and cuts the result.
Only a Keras file is the network itself, which takes multiples of its size multiple. `NAME.SUFFIX.json` beside the file
states the range, the multiple and the network's purpose.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import made, write_json
from gandeblur.inference.restore import LEAST_PX, Deblurrer
from gandeblur.models.layers.convolution import plain_convolution

Run = Callable[[np.ndarray], np.ndarray]
FORMATS = {
    **{"keras": ".keras", "savedmodel": "", "onnx": ".onnx", "openvino": ".xml"},
    **{"litert": ".tflite", "litert-float16": ".tflite"},
}
# Height and width of the images that each file restores: times 64 pixels or the multiple, and then to the pixel.
SIZES, ANY_SIZES = ((1, 2), (2, 1)), ((65, 97), (5, 40))
TOLERANCE = 1e-4  # of the images' range
TOLERANCES = {"litert-float16": 2e-2}  # weights of 11 bits; a test holds the whole image to 60 dB


def export(deblur: Deblurrer, format: str, path: Path, size: tuple[int, int] | None = None) -> float:
    """Writes a file, opens it by its own runtime, and holds it against Keras on images of several sizes.

    Args:
        deblur: the network.
        format: one of `FORMATS`. "litert-float16" stores the weights in half the bytes; it computes in float32.
        path: file to write, a folder for "savedmodel"; neither it nor its card may exist.
        size: (height, width) in pixels of the only images, one at a time, that the file takes, as runtimes of phones'
            GPUs want it; None: any.

    Returns:
        The largest difference of a value, as a share of the value range.

    Raises:
        InputError: the target exists, the format's packages or TensorFlow as Keras' backend are missing, the network
            cannot be exported, or the file restores otherwise than Keras; then nothing is left.
    """
    if path.suffix != FORMATS[format]:
        raise InputError(f"{path}: a file of this kind is named NAME{FORMATS[format]}")
    refuse_backend(format, path)
    if format == "keras" and size:
        raise InputError(f"{path}: a Keras file takes images of several sizes; leave out --size")
    card = path.with_name(f"{path.name}.json")
    beside = [path.with_suffix(".bin")] if format == "openvino" else []
    for target in (path, *beside, card):
        if target.exists():
            raise InputError(f"{target}: exists; choose another name")
    with made(path.parent), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        try:
            _write(deblur, format, written, size)
            difference = _difference(deblur, _opened(format, written), format, size)
        except ImportError as error:
            raise InputError(f"{path}: needs {error.name}; pip install 'gandeblur[export]'") from error
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{path}: {deblur.generator.name} cannot be exported as {format} ({reason})") from error
        if not difference <= TOLERANCES.get(format, TOLERANCE):
            raise InputError(f"{path}: the file restores otherwise than Keras, by {difference:.1e} of the range")
        for target in (*beside, path):
            (Path(folder) / target.name).rename(target)
    told = {
        "value_range": deblur.value_range,
        "size_multiple": deblur.size_multiple if format == "keras" else 1,
        "size": size,
        "purpose": deblur.purpose,
        "largest_difference": difference,
        "description": deblur.description,
    }
    write_json(card, told)
    return difference


def refuse_backend(format: str, path: Path) -> None:
    """Refuses what only TensorFlow writes.

    Raises:
        InputError: Keras runs on another backend.
    """
    if format != "keras" and keras.backend.backend() != "tensorflow":
        raise InputError(f"{path}: {format} files are written on TensorFlow; run it with KERAS_BACKEND=tensorflow")


class AnySize(keras.layers.Layer):
    """A generator that takes images of any size: they are mirrored at the border, and what it returns is cut.

    In TensorFlow's operations: a size that is known only when the file runs is out of reach of Keras' own.
    """

    def __init__(self, deblur: Deblurrer):
        super().__init__(name="any_size")
        self.generator = deblur.generator
        self.multiple, self.shrink_px = deblur.size_multiple, deblur.shrink_px

    def call(self, images: Any) -> Any:
        import tensorflow as tf

        sides = [images.shape[axis] or tf.shape(images)[axis] for axis in (1, 2)]
        padded = images
        for axis, side in enumerate(sides, start=1):
            places = self._places(side)
            if not (isinstance(side, int) and len(places) == side):
                padded = tf.gather(padded, places, axis=axis)
        restored = self.generator(padded, training=False)
        return restored[:, : sides[0], : sides[1]]

    def compute_output_shape(self, shape: tuple) -> tuple:
        return shape

    def _places(self, side: Any) -> Any:
        """Which row, or column, of the image is each of the padded image's: as NumPy's "symmetric" and "reflect"."""
        import tensorflow as tf

        known = isinstance(side, int)
        maximum, minimum, numbers = (np.maximum, np.minimum, np.arange) if known else (tf.maximum, tf.minimum, tf.range)
        # Of whole numbers that are not negative: ONNX files written by tf2onnx divide others as C does, not as Python.
        more = maximum(LEAST_PX - side, 0) + (self.multiple - maximum(LEAST_PX, side) % self.multiple) % self.multiple
        before, after = self.shrink_px // 2, self.shrink_px - self.shrink_px // 2
        if not self.shrink_px:
            places = numbers(side + more) % (2 * side)
            return minimum(places, 2 * side - 1 - places)
        period = maximum(2 * side - 2, 1)
        places = (numbers(side + more + before + after) + before * (period - 1)) % period  # from -before on
        return minimum(places, period - places)


def _write(deblur: Deblurrer, format: str, path: Path, size: tuple[int, int] | None) -> None:
    if format == "keras":
        deblur.generator.save(path)
        return
    height, width = size or (None, None)
    images = keras.Input((height, width, 3), 1 if size else None, dtype="float32", name="blurred")
    model = keras.Model(images, AnySize(deblur)(images))
    signature = [keras.InputSpec(dtype="float32", shape=(1 if size else None, height, width, 3), name="blurred")]
    options = {}
    if format == "litert-float16":
        import tensorflow as tf

        options = {"optimizations": [tf.lite.Optimize.DEFAULT], "target_spec": {"supported_types": [tf.float16]}}
    name = {"savedmodel": "tf_saved_model"}.get(format, format.removesuffix("-float16"))
    with plain_convolution():  # not by spectra: LiteRT's are wrong where the size is fixed
        model.export(str(path), format=name, input_signature=signature, verbose=False, **options)


def _opened(format: str, path: Path) -> Run:
    """The file as its own runtime runs it."""
    if format == "keras":
        model = keras.saving.load_model(path, compile=False, safe_mode=True)  # no code in the file is run
        return lambda images: keras.ops.convert_to_numpy(model(images, training=False))
    if format == "savedmodel":
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        return lambda images: loaded.serve(images).numpy()
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {session.get_inputs()[0].name: images})[0]
    if format == "openvino":
        import openvino

        compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda images: compiled([images])[0]
    from ai_edge_litert.interpreter import Interpreter

    content = path.read_bytes()

    def run(images: np.ndarray) -> np.ndarray:
        interpreter = Interpreter(model_content=content)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, images)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def _difference(deblur: Deblurrer, run: Run, format: str, size: tuple[int, int] | None) -> float:
    rng = np.random.default_rng(0)
    black, white = deblur.value_range
    unit = -(-64 // deblur.size_multiple) * deblur.size_multiple
    if size:
        sizes = [size]
    elif format == "keras":
        sizes = [(unit * height + deblur.shrink_px, unit * width + deblur.shrink_px) for height, width in SIZES]
    else:
        sizes = [(unit * height, unit * width) for height, width in SIZES] + list(ANY_SIZES)
    found = 0.0
    for height, width in sizes:
        images = rng.uniform(black, white, (1, height, width, 3)).astype(np.float32)
        expected = _restored(deblur, images, pad=format != "keras")
        restored = run(images)
        if restored.shape != expected.shape:
            raise ValueError(f"{width}x{height} pixels become {restored.shape[2]}x{restored.shape[1]}")
        found = max(found, float(np.abs(restored - expected).max()) / (white - black))
    return found


def _restored(deblur: Deblurrer, images: np.ndarray, pad: bool) -> np.ndarray:
    """What Keras makes of the images, padded as `Deblurrer.restore` pads them."""
    height, width = images.shape[1:3]
    if pad:
        before, after = deblur.shrink_px // 2, deblur.shrink_px - deblur.shrink_px // 2
        more = (max(LEAST_PX - side, 0) + -max(LEAST_PX, side) % deblur.size_multiple for side in (height, width))
        widths = [(0, 0), *((before, extra + after) for extra in more), (0, 0)]
        images = np.pad(images, widths, mode="reflect" if deblur.shrink_px else "symmetric")
    restored = keras.ops.convert_to_numpy(deblur.generator(images, training=False))
    return restored[:, :height, :width]

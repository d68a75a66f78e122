"""A trained generator as a file for other runtimes, checked against Keras as soon as it is written.

Every file takes float32 images `[1, H, W, 3]` in the generator's value range, H and W multiples of its size multiple,
and returns the restored ones; `NAME.json` beside it says which range and multiple, and what the network is for.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import write_json
from gandeblur.inference.restore import Deblurrer

Run = Callable[[np.ndarray], np.ndarray]
FORMATS = {"keras": ".keras", "savedmodel": "", "onnx": ".onnx", "litert": ".tflite"}
SIZES = ((1, 2), (2, 1))  # height and width of the two images that each file restores, times 64 pixels or the multiple
TOLERANCE = 1e-4  # of the images' range


def export(deblur: Deblurrer, format: str, path: Path) -> float:
    """Writes a file, opens it by its own runtime, and holds it against Keras on images of two sizes.

    Args:
        deblur: the network.
        format: one of `FORMATS`.
        path: file to write, a folder for "savedmodel"; neither it nor its card may exist.

    Returns:
        The largest difference of a value, as a share of the value range.

    Raises:
        InputError: the target exists, the format's packages are missing, the network cannot be exported, or the file
            restores otherwise than Keras; then nothing is left.
    """
    card = path.with_suffix(".json")
    for target in (path, card):
        if target.exists():
            raise InputError(f"{target}: exists; choose another name")
    if path.suffix != FORMATS[format]:
        raise InputError(f"{path}: a file of this kind is named NAME{FORMATS[format]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        try:
            _write(deblur.generator, format, written)
            difference = _difference(deblur, _opened(format, written))
        except ImportError as error:
            raise InputError(f"{path}: needs {error.name}; pip install 'gandeblur[export]'") from error
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{path}: {deblur.generator.name} cannot be exported as {format} ({reason})") from error
        if difference > TOLERANCE:
            raise InputError(f"{path}: the file restores otherwise than Keras, by {difference:.1e} of the range")
        written.rename(path)
    told = {
        "value_range": deblur.value_range,
        "size_multiple": deblur.size_multiple,
        "purpose": deblur.purpose,
        "largest_difference": difference,
        "description": deblur.description,
    }
    write_json(card, told)
    return difference


def _write(generator: keras.Model, format: str, path: Path) -> None:
    if format == "keras":
        generator.save(path)
        return
    name = {"savedmodel": "tf_saved_model", "onnx": "onnx", "litert": "litert"}[format]
    signature = [keras.InputSpec(dtype="float32", shape=(None, None, None, 3), name="blurred")]
    generator.export(path, format=name, input_signature=signature, verbose=False)


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


def _difference(deblur: Deblurrer, run: Run) -> float:
    rng = np.random.default_rng(0)
    black, white = deblur.value_range
    found = 0.0
    unit = -(-64 // deblur.size_multiple) * deblur.size_multiple
    for size in SIZES:
        height, width = (unit * side + deblur.shrink_px for side in size)
        images = rng.uniform(black, white, (1, height, width, 3)).astype(np.float32)
        expected = keras.ops.convert_to_numpy(deblur.generator(images, training=False))
        found = max(found, float(np.abs(run(images) - expected).max()) / (white - black))
    return found

"""Restoring pictures, and the scenes of films, at the scale that fits them."""

from collections import Counter
from numbers import Real
from typing import Any

import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference import flat, parts
from gandeblur.inference.parts import Locally
from gandeblur.inference.scale import (
    Choice,
    Chooser,
    Restore,
    Scale,
    choose,
    gradient,
    levels,
    looking,
    part_of,
    restored_at,
    tried,
)

LEFT = "hardly blurred: left as it is"
ONE_COLOUR = "of one colour: left as it is"
LEAST_TEXTURE = 0.5  # grey levels, mean of the gradients' amounts: a frame with less says nothing of its scene
OTHER_SCENE = 20.0  # grey levels between frames that were shrunk to `SCENE_PX`, mean of their amounts
SCENE_PX = 32

Asked = Scale | Chooser | Locally


class Fitting:
    """Restores pictures, each at the scale that fits it; borders and areas of one colour stay.

    Args:
        restore: see `scale.restored_at`.
        scale: one for all, and 1 is `restore` alone, as scores have it; a function that chooses; "auto": `scale.choose`
            by what `restore` does; "local", or `parts.Locally`: each part of a picture at its own.
        force_restore: whether a picture that is hardly blurred is restored, too.

    Attributes:
        notes: what to tell the user of the last picture.
        left: whether that was left as it is.
        used: the scale that it was restored at; of "local", that of the largest part.

    Raises:
        InputError: the scale is none.
    """

    def __init__(self, restore: Restore, scale: Asked = "auto", force_restore: bool = False) -> None:
        asked: Any = scale
        if isinstance(asked, Real):  # NumPy's as well
            asked = float(asked)
        named = callable(asked) or isinstance(asked, Locally) or asked in ("auto", "local")
        if not named and not (isinstance(asked, float) and 0 < asked <= 1):
            raise InputError(f'the scale is {scale!r}; give "auto", "local" or a number above 0, 1 at most')
        self.scale: Asked = Locally() if asked == "local" else asked
        self.restore, self.careful = restore, flat.kept(restore)
        self.force_restore = force_restore
        self.notes: tuple[str, ...] = ()
        self.left = False
        self.used = 1.0

    @property
    def telling(self) -> tuple[str, ...]:
        """The notes that say more than that the picture was restored at its own size."""
        return self.notes if self.left or self.used < 1 or isinstance(self.scale, Locally) else ()

    def __call__(self, image: np.ndarray, **options: Any) -> np.ndarray:
        """Restores the picture: uint8 or uint16 `[H, W, 3]` -> the same; `options` of `restore`."""
        self.notes, self.left, self.used = (), False, 1.0
        if self._plainly(image):
            return self.restore(image, **options)
        border = flat.border(image)
        part = np.ascontiguousarray(border.within(image))
        if not part.size:
            self.notes, self.left = (ONE_COLOUR,), True
            return image.copy()
        choice, options = self._choice(part, options)
        self.left = choice.sharp and not self.force_restore
        if self.left:
            self.notes = (LEFT,)
            return image.copy()
        self.notes, self.used = (choice.words,), choice.scale
        if isinstance(self.scale, Locally):
            return self._in_parts(image, border, self.scale, options)
        return self._within(image, border, choice.scale, options)

    def _plainly(self, image):
        """Whether `restore` sees to it, by the scale, or since it refuses such an array."""
        return self.scale == 1 or image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.uint16)

    def _choice(self, part, options):
        """How to restore it; and the options for that, whose progress goes on from the choosing's."""
        if isinstance(self.scale, float):
            return Choice(self.scale), options
        locally = self.scale if isinstance(self.scale, Locally) else None
        # All of `tried` are restored of "local", unless it is sharp. Of "auto", which one is not known yet: at most 1.
        looked, then = ([1.0], tried(part)) if locally else (tried(part), [1.0])
        share = looking(part, looked, then)
        once = part_of({name: value for name, value in options.items() if name != "self_ensemble"}, 0, share)
        if callable(self.scale):
            choice = self.scale(part, **once)
        else:
            choice = choose((locally and locally.looks) or self.careful, part, scales=looked, **once)
        return choice, part_of(options, share, 1 - share)

    def _within(self, image, border, scale, options):
        part = np.ascontiguousarray(border.within(image))
        return self._put(restored_at(self.careful, part, scale, **options), image, border)

    def _in_parts(self, image, border, locally, options):
        part = np.ascontiguousarray(border.within(image))
        scales = tried(part)
        restored, shares = parts.restored(self.careful, locally.looks, part, scales, **options)
        self.used = scales[int(np.argmax(shares))]
        found = [(share, Choice(scale).size) for share, scale in zip(shares, scales, strict=True) if share >= 0.05]
        self.notes = (", ".join(f"{100 * share:.0f} % restored at {size}" for share, size in found),)
        return self._put(restored, image, border)

    def _put(self, restored, image, border):
        """The restored picture with the border around it."""
        if restored.shape == image.shape:
            return restored
        result = image.copy()
        border.within(result)[:] = restored
        return result


class Scenes(Fitting):
    """Restores the frames of a film, one after the other: each scene at one scale, and with one border.

    The first frame of a scene with some texture tells the scale. No scene is left as it is: its later frames may be
    blurred where the first one is not. `notes` tell of all scenes so far.
    """

    def __init__(self, restore: Restore, scale: Asked = "auto", force_restore: bool = False) -> None:
        super().__init__(restore, scale, force_restore)
        if isinstance(self.scale, Locally):
            raise InputError("films have one scale in each scene, so that nothing pumps; give auto or a number")
        self._seen: Any = None
        self._border: flat.Border | None = None
        self._scale: float | None = None
        self._chosen: Counter[str] = Counter()  # in words -> number of scenes

    def __call__(self, image: np.ndarray, **options: Any) -> np.ndarray:
        """Restores the next frame; see `Fitting`."""
        if self._plainly(image):
            return self.restore(image, **options)
        seen = np.asarray(Image.fromarray(levels(image[..., 1])).resize((SCENE_PX, SCENE_PX)))
        if self._seen is None or np.abs(seen - self._seen).mean() > OTHER_SCENE:
            self._border = self._scale = None
        self._seen = seen
        border = flat.border(image)
        part = np.ascontiguousarray(border.within(image))
        if not part.size:  # black between two scenes
            self._border = self._scale = None
            return image.copy()
        if self._scale is None and gradient(levels(part)) < LEAST_TEXTURE:  # such as a fade's begin
            return self._within(image, border, 1.0, options)
        if self._border is not None:  # a border that comes and goes would be seen
            border = flat.Border(*map(min, border, self._border))
        self._border = border
        if self._scale is None:
            choice, options = self._choice(part, options)
            self._scale = choice.scale
            self._chosen[choice.words] += 1
            many = self._chosen.total() > 1
            self.notes = tuple(
                f"{number} of {self._chosen.total()} scenes, {words}" if many else words
                for words, number in self._chosen.most_common()
            )
        return self._within(image, border, self._scale, options)

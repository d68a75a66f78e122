"""One literal per paper, and the stages that run it. All of them need TensorFlow, which starts quietly here."""

import sys

from gandeblur.quiet import import_tensorflow_quietly

if "tensorflow" not in sys.modules:
    import_tensorflow_quietly()

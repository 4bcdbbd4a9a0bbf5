"""Pickles of weights, which may come from anywhere, read without running what may hide in them.

A pickle is a program. `scan` reads its instructions without carrying them out. `read_paddle` carries out those that
build arrays, and has a table of all that they may call.
"""

import pickle
import pickletools
from collections import OrderedDict

import numpy as np

# Instructions that make plain values, keep them and put them together.
PLAIN = {"PROTO", "FRAME", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
         "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
         "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "APPEND",
         "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"}
PADDLE = PLAIN | {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}
TORCH = PLAIN | {"GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID"}

TORCH_GLOBALS = {"collections OrderedDict", "argparse Namespace", "torch._utils _rebuild_tensor_v2",
                 "torch._utils _rebuild_parameter", "torch Size",
                 *(f"torch {name}Storage" for name in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Bool"))}
DTYPES = {"f2", "f4", "f8", "i4", "i8", "u1", "b1"}


def scan(stream, instructions, known_globals=None):
    """Read one pickle from a stream (with read, readline and tell) to its end, and carry nothing out.

    Raises ValueError for an instruction that is not among `instructions`, a global that is not among `known_globals`
    ("module name"), a length beyond the end, and a place to keep a value that would make Python take much memory."""
    for opcode, argument, place in pickletools.genops(stream):
        if opcode.name not in instructions:
            raise ValueError(f"its pickle has the instruction {opcode.name}, which no weights need")
        if opcode.name in ("BINPUT", "LONG_BINPUT") and argument > place:
            raise ValueError(f"its pickle keeps a value at place {argument:,}, beyond its own length")
        if opcode.name == "PROTO" and known_globals and argument != 2:
            raise ValueError(f"its pickle has protocol {argument}, which torch.save does not write")
        if opcode.name == "GLOBAL" and known_globals and argument not in known_globals:
            raise ValueError(f"its pickle asks for {'.'.join(argument.split())}, which no weights need")


class _Array:
    """An array that a pickle builds."""

    def __setstate__(self, state):
        _, shape, dtype, fortran, data = state
        if not isinstance(data, bytes) or not isinstance(dtype, _Dtype):
            raise ValueError("it holds an array of Python objects")
        self.array = np.frombuffer(data, dtype.code).reshape(shape, order="F" if fortran else "C")


class _Dtype:
    """The type of such an array. It is little-endian, as on all usual machines."""

    def __init__(self, code):
        if code not in DTYPES:
            raise ValueError(f"it holds an array of type {str(code)[:20]!r}, expected numbers")
        self.code = "<" + code

    def __setstate__(self, state):
        if state[1] not in ("<", "|"):
            raise ValueError(f"it holds an array of byte order {str(state[1])[:5]!r}, expected '<'")


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream):
        super().__init__(stream)

        # Made for each file, so that no file can leave a mark on them.
        def reconstruct(kind, shape, code):
            return _Array()

        def dtype(code, align=False, copy=False):
            return _Dtype(code)

        def encode(text, encoding):
            if encoding != "latin1":
                raise ValueError(f"it encodes text as {str(encoding)[:20]!r}")
            return text.encode("latin1")

        self.table = {("numpy.core.multiarray", "_reconstruct"): reconstruct,
                      ("numpy._core.multiarray", "_reconstruct"): reconstruct,
                      ("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): dtype, ("_codecs", "encode"): encode,
                      ("builtins", "tuple"): tuple, ("collections", "OrderedDict"): OrderedDict}

    def find_class(self, module, name):
        if (module, name) not in self.table:
            raise ValueError(f"its pickle asks for {module}.{name}, which no weights need")
        return self.table[module, name]


def read_paddle(stream):
    """The content of a file of paddle.save, in which `array_in` finds the arrays. stream: an mmap, at its beginning.

    Raises ValueError for what is not allowed; damaged files raise many kinds of errors."""
    scan(stream, PADDLE)
    stream.seek(0)
    return _Unpickler(stream).load()


def array_in(value):
    """The NumPy array of a value in such a content, which may be a pair with the parameter's name; else None."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    return getattr(value, "array", None) if isinstance(value, _Array) else None

"""
What goes between the processes of the sandbox: frames of JSON, and inside them plain values with their exact types.

A value that was unpacked is made of nothing but None, bool, int, float, complex, str, bytes, list, tuple, set,
frozenset, dict, a few builtin containers and the names of these types. The reader makes it: whatever the sender was, no
code and no class of its own arrives. So `==` on a received value is Python's own.
"""

import array
import collections
import json
import os
import struct
import types

MAX_FRAME = 8 << 20  # bytes
MAX_DEPTH = 100  # of nested values


class WireError(Exception):
    """The other side is gone, or sent what is no frame or no value."""


def send(fd: int, message) -> None:
    """ValueError if it is too long for a frame, OSError if nobody listens."""
    body = json.dumps(message, check_circular=False).encode("ascii")
    if len(body) > MAX_FRAME:
        raise ValueError(f"{len(body)} bytes are too much for one message, at most {MAX_FRAME}")
    data = memoryview(struct.pack("<I", len(body)) + body)
    while data:
        data = data[os.write(fd, data) :]


def receive(fd: int):
    """The next message. WireError at the end of the stream, or if what comes is no frame."""
    (size,) = struct.unpack("<I", read_exactly(fd, 4))
    if size > MAX_FRAME:
        raise WireError("message too long")
    try:
        return json.loads(read_exactly(fd, size))
    except (ValueError, RecursionError, MemoryError) as e:
        raise WireError(f"broken message: {type(e).__name__}") from e


def read_exactly(fd: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        try:
            part = os.read(fd, min(size - len(data), 1 << 16))
        except OSError as e:
            raise WireError(f"cannot be read: {e.strerror}") from e
        if not part:
            raise WireError("closed")
        data += part
    return bytes(data)


# ---- values -----------------------------------------------------------------------------------------------------
# None, True, False and strings stand for themselves; everything else is [tag, ...].

SEQUENCES = {"l": list, "t": tuple, "s": set, "z": frozenset, "q": collections.deque, "i": iter}
MAPPINGS = {"d": dict, "D": collections.defaultdict, "O": collections.OrderedDict, "C": collections.Counter}
VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
TYPES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)}
ITERATORS = (
    types.GeneratorType, map, filter, zip, enumerate, reversed, type(iter([])), type(iter(())), type(iter("")),
    type(iter(set())), type(iter({})), type(iter(range(0))), type(reversed([])),
)  # fmt: skip


def pack(value, depth: int = 0):
    """A plain value as JSON can carry it. TypeError for anything else. Subclasses go as the builtin they extend."""
    if depth > MAX_DEPTH:
        raise TypeError("nested too deep to be sent")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return ["n", format(int(value), "x")]
    if isinstance(value, float):
        return ["f", float.hex(value)]
    if isinstance(value, complex):
        return ["c", value.real.hex(), value.imag.hex()]
    if isinstance(value, bytes | bytearray):
        return ["b" if isinstance(value, bytes) else "B", value.hex()]
    if isinstance(value, range):
        return ["r", *(format(number, "x") for number in (value.start, value.stop, value.step))]
    if isinstance(value, array.array):
        return ["a", value.typecode, [pack(item, depth + 1) for item in value]]
    if isinstance(value, dict):
        tag = next((tag for tag, kind in MAPPINGS.items() if type(value) is kind), "d")
        return [tag, [[pack(k, depth + 1), pack(v, depth + 1)] for k, v in value.items()]]
    for tag, kind in SEQUENCES.items():
        if kind is not iter and isinstance(value, kind):
            return [tag, [pack(item, depth + 1) for item in value]]
    if isinstance(value, type) and value in TYPES.values():
        return ["T", value.__name__]
    if isinstance(value, VIEWS):
        return ["v", VIEWS.index(type(value)), [pack(item, depth + 1) for item in value]]
    if isinstance(value, ITERATORS):
        return ["i", [pack(item, depth + 1) for item in value]]
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent; plain values can")


def unpack(packed):
    """The reader's side of `pack`. WireError for anything that `pack` does not make."""
    try:
        return build(packed, 0)
    except WireError:
        raise
    except Exception as e:  # a wrong shape, an unhashable key, a digit that is none: the sender may be hostile
        raise WireError(f"no plain value: {type(e).__name__}") from e


def build(packed, depth: int):
    if depth > MAX_DEPTH:
        raise WireError("nested too deep")
    if packed is None or isinstance(packed, bool | str):
        return packed
    tag, *rest = packed
    if tag == "n":
        return int(rest[0], 16)
    if tag == "f":
        return float.fromhex(rest[0])
    if tag == "c":
        return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
    if tag in ("b", "B"):
        return (bytes if tag == "b" else bytearray).fromhex(rest[0])
    if tag == "r":
        return range(*(int(number, 16) for number in rest))
    if tag == "T":
        return TYPES[rest[0]]
    if tag == "a":
        return array.array(rest[0], [build(item, depth + 1) for item in rest[1]])
    if tag == "v":
        items = [build(item, depth + 1) for item in rest[1]]
        whole = dict(items) if rest[0] == 2 else dict.fromkeys(items) if rest[0] == 0 else dict(enumerate(items))
        return (whole.keys, whole.values, whole.items)[rest[0]]()
    if tag == "C":  # Counter([...]) would count the pairs
        return collections.Counter({build(k, depth + 1): build(v, depth + 1) for k, v in rest[0]})
    if tag == "D":
        return collections.defaultdict(None, ((build(k, depth + 1), build(v, depth + 1)) for k, v in rest[0]))
    if tag in MAPPINGS:
        return MAPPINGS[tag]((build(k, depth + 1), build(v, depth + 1)) for k, v in rest[0])
    items = [build(item, depth + 1) for item in rest[0]]
    return SEQUENCES[tag](items)

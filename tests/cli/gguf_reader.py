"""A reader of GGUF files written from the format's rules alone, for checking what others write.

read(bytes) gives a Gguf or raises ValueError with what is wrong. Nothing of the project is used.
"""
import dataclasses
import struct

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
# type: (elements per block, bytes per block)
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
          11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 30: (1, 2)}


@dataclasses.dataclass
class Gguf:
    version: int
    values: dict  # key: (type, value); arrays: (ARRAY, (element type, list))
    tensors: dict  # name: (dimensions, type, bytes)


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise ValueError(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self):
        return self.take(self.number("Q")).decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element = self.number("I")
            return element, [self.value(element) for _ in range(self.number("Q"))]
        if kind not in SCALARS:
            raise ValueError(f"value type {kind}")
        return self.number(SCALARS[kind])


def read(data):
    cursor = Cursor(data)
    if cursor.take(4) != b"GGUF":
        raise ValueError("magic")
    version, tensor_count, pair_count = cursor.number("I"), cursor.number("Q"), cursor.number("Q")
    if version not in (2, 3):
        raise ValueError(f"version {version}")
    values = {}
    for _ in range(pair_count):
        key, kind = cursor.text(), cursor.number("I")
        if key in values or not 0 < len(key) < 65536 or not key.isascii():
            raise ValueError(f"key {key!r}")
        values[key] = (kind, cursor.value(kind))
    records = []
    for _ in range(tensor_count):
        name = cursor.text()
        dimensions = [cursor.number("Q") for _ in range(cursor.number("I"))]
        records.append((name, dimensions, cursor.number("I"), cursor.number("Q")))
    return Gguf(version, values, place(data, cursor.at, values, records))


def place(data, end_of_table, values, records):
    """Tensors with their bytes: aligned, in order, inside the file, padded with zeros, nothing behind the last."""
    alignment = values.get("general.alignment", (4, 32))[1]
    start = -(-end_of_table // alignment) * alignment
    if any(data[end_of_table:start]):
        raise ValueError("padding behind the table")
    tensors, end = {}, 0
    for name, dimensions, kind, offset in records:
        if name in tensors or len(name.encode()) > 64 or not 1 <= len(dimensions) <= 4 or kind not in BLOCKS:
            raise ValueError(f"tensor {name}")
        elements, size = BLOCKS[kind]
        count = 1
        for dimension in dimensions:
            count *= dimension
        if dimensions[0] % elements or offset % alignment or offset != -(-end // alignment) * alignment:
            raise ValueError(f"tensor {name}: offset {offset}, the one before ends at {end}")
        if any(data[start + end:start + offset]):
            raise ValueError(f"padding before {name}")
        end = offset + count // elements * size
        if start + end > len(data):
            raise ValueError(f"tensor {name} ends at {start + end} of {len(data)}")
        tensors[name] = (dimensions, kind, data[start + offset:start + end])
    if len(data) - start - end >= alignment or any(data[start + end:]):
        raise ValueError("bytes behind the last tensor")
    return tensors

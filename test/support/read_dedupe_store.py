"""Lists the keys of a dedupe store: written from docs/dedupe-format.md, with nothing of the store's own code.

    read_dedupe_store.py DIR/TENANT          a line for each key: partition, kind of file, generation, key, digest
    read_dedupe_store.py DIR/TENANT --keys   the keys of message ids, one on each line of stdin

Whatever is damaged is reported on stderr, and the exit status is 1.
"""

import json
import os
import re
import struct
import sys
from zlib import crc32

NONE = 0xFFFFFFFF
FRAME = struct.Struct("<8s6I2d8s2I")
SEGMENT = struct.Struct("<8s4B5I4d8s2I")
FRAME_MAGIC = b"\x89OTALOG\n"
SEGMENT_MAGIC = b"\x89OTASEG\n"
BLOCK_BYTES = 16_384


class Damage(Exception):
    pass


class LaterFormat(Exception):
    pass


def frame_at(log, start, generation):
    """The frame that begins here, if there is one: its end, number, oldest generation, keys with digests."""
    if start + FRAME.size > len(log) or log[start : start + 8] != FRAME_MAGIC:
        return None
    fields = FRAME.unpack_from(log, start)
    _, of, number, count, data_bytes, version, oldest, _, _, _, body_sum, header_sum = fields
    if crc32(log[start : start + 60]) != header_sum:
        return None
    if version & 0xFF != 1 or version >> 8 not in (0, 8):
        raise LaterFormat(f"frame of version {version:#x}")
    digest_bytes = version >> 8
    keys_at = start + FRAME.size
    digests_at = keys_at + 16 * count
    data_at = digests_at + digest_bytes * count
    end = data_at + (0 if data_bytes == NONE else data_bytes)
    if of != generation or end > len(log) or crc32(log[keys_at:end]) != body_sum:
        return None
    records = [
        (
            struct.unpack_from("<4I", log, keys_at + 16 * at),
            struct.unpack_from("<2I", log, digests_at + 8 * at) if digest_bytes else (),
        )
        for at in range(count)
    ]
    return end, number, oldest, records


def read_log(log, generation, is_newest):
    """All records, and the oldest generation that counts."""
    records, oldest, position, expected = [], 0, 0, 0
    while position < len(log):
        frame = frame_at(log, position, generation)
        if frame is not None and frame[1] == expected:
            position, _, oldest, more = frame
            records += more
            expected += 1
            continue
        if frame is not None and frame[1] > expected:
            raise Damage(f"frames are missing before {position}")
        later = log.find(FRAME_MAGIC, position + 1)
        while later != -1:
            found = frame_at(log, later, generation)
            if found is not None and found[1] >= expected:
                raise Damage(f"{later - position} bytes from {position}")
            later = log.find(FRAME_MAGIC, later + 1)
        if not is_newest:
            raise Damage(f"{len(log) - position} bytes at the end")
        break
    return records, oldest


def read_segment(segment, generation):
    if len(segment) < SEGMENT.size:
        raise Damage("shorter than a header")
    fields = SEGMENT.unpack_from(segment)
    magic, version, digest_bytes, bits, width, of, count, _, a, b = fields[:10]
    between_sum, header_sum = fields[-2:]
    if magic != SEGMENT_MAGIC or crc32(segment[:76]) != header_sum:
        raise Damage("header")
    if version != 1 or digest_bytes not in (0, 8) or bits not in (8, 16) or width not in (1, 2, 4):
        raise LaterFormat(f"segment of version {version}")
    if of != generation:
        raise Damage(f"is generation {of}")
    directory_at = SEGMENT.size + sum(length for length in (a, b) if length != NONE)
    record_bytes = (14 if bits == 16 else 16) + digest_bytes
    per_block = BLOCK_BYTES // record_bytes
    blocks = -(-count // per_block)
    sums_at = directory_at + 2**bits * width
    records_at = sums_at + 4 * blocks
    if len(segment) != records_at + count * record_bytes:
        raise Damage(f"has {len(segment)} bytes")
    if crc32(segment[SEGMENT.size : records_at]) != between_sum:
        raise Damage("directory")
    for block in range(blocks):
        start = records_at + block * per_block * record_bytes
        end = min(start + per_block * record_bytes, len(segment))
        if crc32(segment[start:end]) != struct.unpack_from("<I", segment, sums_at + 4 * block)[0]:
            raise Damage(f"block {block}")
    counts = struct.unpack_from(f"<{2**bits}{ {1: 'B', 2: 'H', 4: 'I'}[width] }", segment, directory_at)
    if sum(counts) != count:
        raise Damage("the directory counts other records")
    records, at = [], records_at
    for place, here in enumerate(counts):
        for _ in range(here):
            if bits == 16:
                low, k1, k2, k3 = struct.unpack_from("<H3I", segment, at)
                key = (place << 16 | low, k1, k2, k3)
            else:
                key = struct.unpack_from("<4I", segment, at)
                if key[0] >> 24 != place:
                    raise Damage(f"the record at {at} is in a wrong place")
            digest = struct.unpack_from("<2I", segment, at + record_bytes - 8) if digest_bytes else ()
            records.append((key, digest))
            at += record_bytes
    return records


def read_partition(folder):
    """(kind, generation, records) of each generation that counts."""
    found = {"log": set(), "segment": set()}
    for name in os.listdir(folder):
        match = re.fullmatch(r"(\d{8,})\.(log|segment)", name)
        if match:
            found[match[2]].add(int(match[1]))
    newest = max(found["log"] | found["segment"], default=0)

    def contents(kind, generation):
        with open(os.path.join(folder, f"{generation:08}.{kind}"), "rb") as file:
            return file.read()

    logs, oldest = {}, 0
    for generation in sorted(found["log"] - found["segment"], reverse=True):
        logs[generation], says = read_log(contents("log", generation), generation, generation == newest)
        oldest = max(oldest, says)
    generations = [("log", generation, records) for generation, records in logs.items() if generation >= oldest]
    for generation in found["segment"]:
        if generation >= oldest:
            generations.append(("segment", generation, read_segment(contents("segment", generation), generation)))
    there = sorted(generation for _, generation, _ in generations)
    if there != list(range(max(oldest, 1) if oldest else min(there, default=1), newest + 1)):
        raise Damage(f"generations are missing: there are {there}, the oldest is {oldest}")
    return generations


def chaskey12(key, message):
    """Mouha et al., SAC 2014, with 12 rounds; a number of 128 bits, as the key is."""
    ones = 2**32 - 1

    def times_two(value):
        return (value << 1 & 2**128 - 1) ^ (0x87 if value >> 127 else 0)

    def rotated(word, by):
        return (word << by | word >> 32 - by) & ones

    def permuted(state):
        v0, v1, v2, v3 = (state >> shift & ones for shift in (0, 32, 64, 96))
        for _ in range(12):
            v0 = v0 + v1 & ones
            v1 = rotated(v1, 5) ^ v0
            v0 = rotated(v0, 16)
            v2 = v2 + v3 & ones
            v3 = rotated(v3, 8) ^ v2
            v0 = v0 + v3 & ones
            v3 = rotated(v3, 13) ^ v0
            v2 = v2 + v1 & ones
            v1 = rotated(v1, 7) ^ v2
            v2 = rotated(v2, 16)
        return v0 | v1 << 32 | v2 << 64 | v3 << 96

    blocks = [message[at : at + 16] for at in range(0, len(message), 16)] or [b""]
    last = blocks.pop()
    subkey = times_two(key)
    if len(last) < 16:
        subkey = times_two(subkey)
        last = (last + b"\x01").ljust(16, b"\x00")
    state = key
    for block in blocks:
        state = permuted(state ^ int.from_bytes(block, "little"))
    return permuted(state ^ int.from_bytes(last, "little") ^ subkey) ^ subkey


BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
ULID = re.compile(f"[0-7][{BASE32}{BASE32.lower()}]{{25}}")


def key_of(message_id, secret):
    if UUID.fullmatch(message_id):
        kind, message = b"key of a UUID", bytes.fromhex(message_id.replace("-", ""))
    elif ULID.fullmatch(message_id):
        value = 0
        for digit in message_id.upper():
            value = value << 5 | BASE32.index(digit)
        kind, message = b"key of a ULID", value.to_bytes(16, "big")
    else:
        kind, message = b"key of other ids", message_id.encode()
    code = chaskey12(chaskey12(int.from_bytes(secret, "little"), kind), message)
    return tuple(code >> shift & NONE for shift in (0, 32, 64, 96))


def text(words):
    return "".join(f"{word:08x}" for word in words) or "-"


def main(directory, keys_of_ids):
    with open(os.path.join(directory, "store.json"), encoding="utf-8") as file:
        store = json.load(file)
    if store["spec"] != "ota-fleet-dedupe/1":
        raise LaterFormat(store["spec"])
    if keys_of_ids:
        for line in sys.stdin:
            print(text(key_of(line.rstrip("\n"), bytes.fromhex(store["secret"]))))
        return 0
    status = 0
    for partition in range(store["partitions"]):
        try:
            for kind, generation, records in read_partition(os.path.join(directory, f"p{partition:04}")):
                for key, digest in records:
                    if store["routing"] == "key" and key[3] * store["partitions"] >> 32 != partition:
                        raise Damage(f"the key {text(key)} belongs elsewhere")
                    if len(digest) * 4 != store["digestBytes"]:
                        raise Damage(f"generation {generation} has digests of {len(digest) * 4} bytes")
                    print(partition, kind, generation, text(key), text(digest))
        except Damage as damage:
            print(f"partition {partition}: {damage}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] == ["--keys"]))

/* apply OLD PATCH NEW: applies an otad patch; docs/delta-format.md. Only chunks whose hash is right are written. */
#include "control.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What this device lends: a patch that asks for more is refused. */
enum { MOST_COVERS = 1 << 21, MOST_STASH = 64 << 20 };
static const char *new_path;
static FILE *old_file, *patch_file, *new_file;

struct stash_range *stash_ranges;
uint32_t stash_count, stash_bytes, base_size, target_size;
int coder, in_place;
struct images images;
static uint8_t *stash, stash_hash[8];
static uint64_t body_left, section_left;
static bool in_section;
static int chunk_bits, block_bits = 12;

_Noreturn void refuse(const char *why) {
  fprintf(stderr, "refused: %s\n", why);
  if (new_file != NULL) remove(new_path);
  exit(1);
}

void *take(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) refuse("not enough memory");
  return memory;
}

int patch_byte(void) { return getc(patch_file); }

static uint8_t header_byte(void) {
  int byte = patch_byte();
  if (byte < 0) refuse("the patch ends early");
  return (uint8_t)byte;
}

/* Bytes of the body of the coders none and LZMA. */
static void body_read(uint8_t *into, size_t size) {
  if (size > body_left) refuse("the body is shorter than what it should make");
  body_left -= size;
  if (coder == LZMA) lzma_read(into, size);
  else if (fread(into, 1, size, patch_file) != size) refuse("the patch ends early");
}

static uint8_t section_byte(void) {
  uint8_t byte;
  if (in_section && section_left-- == 0) refuse("the control section is too short");
  body_read(&byte, 1);
  return byte;
}

static uint64_t varint(uint8_t (*next)(void), uint64_t most) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) {
    uint8_t byte = next();
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (value > most || (byte == 0 && i > 0)) break;
    return value;
  }
  refuse("a number is above its limit, or longer than needed");
}

/* A number of the control section. */
uint64_t number(uint64_t most) {
  uint64_t value = coder == MIX ? mix_field() : varint(section_byte, most);
  if (value > most) refuse("a number of the control section is above its limit");
  return value;
}

static void read_file(FILE *file, uint64_t at, uint8_t *into, size_t size) {
  if (size == 0) return;
  if (fseek(file, (long)at, SEEK_SET) != 0 || fread(into, 1, size, file) != size) refuse("the old image cannot be read");
}

/* Old bytes: in place what was saved comes from the stash. */
static void read_old(uint32_t at, uint8_t *into, uint32_t size) {
  read_file(in_place ? new_file : old_file, at, into, size);
  uint32_t low = 0, high = stash_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (stash_ranges[middle].at + stash_ranges[middle].size > at) high = middle;
    else low = middle + 1;
  }
  for (; low < stash_count && stash_ranges[low].at < at + size; low++) {
    uint32_t from = stash_ranges[low].at > at ? stash_ranges[low].at : at;
    uint32_t to = stash_ranges[low].at + stash_ranges[low].size < at + size ? stash_ranges[low].at + stash_ranges[low].size : at + size;
    memcpy(into + (from - at), stash + stash_ranges[low].saved_at + (from - stash_ranges[low].at), to - from);
  }
}

static void make_block(uint8_t *actual, const struct cover *c, uint32_t new_at, uint32_t length, int kind) {
  static uint8_t around[AROUND_MOST], differences[BLOCK_MOST];
  int mode = kind >> 1, differs = kind & 1;
  if (mode > 8) refuse("a block has an unknown mode");
  uint32_t old_at = c->old_at + (new_at - c->new_at);
  uint32_t from = in_place ? c->old_at : 0, to = in_place ? c->old_at + c->length : base_size;
  uint32_t before = mode == 0 ? 0 : old_at - from < CONTEXT ? old_at - from : CONTEXT;
  uint32_t after = mode == 0 ? 0 : to - old_at - length < CONTEXT ? to - old_at - length : CONTEXT;
  uint32_t size = before + length + after;
  read_old(old_at - before, around, size);
  const uint8_t *made = predict(mode, around, size, before, length, old_at, new_at);
  memcpy(actual, made, length);
  if (coder == MIX) {
    mix_differences(actual, length, new_at, around + before, mode);
    differs = memcmp(actual, made, length) != 0;
  } else if (differs) {
    body_read(differences, length);
    for (uint32_t i = 0; i < length; i++) actual[i] = (uint8_t)(actual[i] + differences[i]);
  }
  if (mode != 0 && differs) predict_learn(mode, around, size, before, actual, length, old_at, new_at);
}

static void extra(uint8_t *bytes, uint32_t from, uint32_t to, uint32_t chunk_at) {
  if (to <= from) return;
  if (coder == MIX) mix_extra(bytes + (from - chunk_at), to - from, from);
  else body_read(bytes + (from - chunk_at), to - from);
}

static uint32_t cover_from(uint32_t place) {
  uint32_t low = 0, high = images.cover_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (images.covers[middle].new_at + images.covers[middle].length > place) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* One pass over the covers of a chunk: 0 counts blocks, 1 makes them, 2 fills in the extra bytes between them. */
static uint32_t pass(int what, uint8_t *bytes, const uint8_t *kinds, uint32_t at, uint32_t end) {
  uint32_t blocks = 0, made = at;
  for (uint32_t i = cover_from(at); i < images.cover_count && images.covers[i].new_at < end; i++) {
    const struct cover *c = images.covers + i;
    uint32_t from = c->new_at > at ? c->new_at : at, to = c->new_at + c->length < end ? c->new_at + c->length : end;
    if (what == 2 || (what == 1 && coder == MIX)) extra(bytes, made, from, at);
    made = to;
    if (what == 2) continue;
    for (uint32_t next; from < to; from = next, blocks++) {
      next = (from >> block_bits << block_bits) + (1u << block_bits);
      if (next > to) next = to;
      if (what == 1) make_block(bytes + (from - at), c, from, next - from, coder == MIX ? mix_mode(next - from) * 2 : kinds[blocks]);
    }
  }
  if (what == 2 || (what == 1 && coder == MIX)) extra(bytes, made, end, at);
  return blocks;
}

static void make_chunk(uint8_t *bytes, uint32_t at, uint32_t end) {
  if (in_place) predict_forget();
  uint32_t blocks = coder == MIX ? 0 : pass(0, bytes, NULL, at, end);
  uint8_t *kinds = take(blocks + 1u, 1);
  if (coder != MIX) body_read(kinds, blocks);
  pass(1, bytes, kinds, at, end);
  if (coder != MIX) pass(2, bytes, NULL, at, end);
  free(kinds);
}

static void open_slot(void) {
  static uint8_t piece[65536];
  new_file = fopen(new_path, "wb+");
  if (new_file == NULL) refuse(strerror(errno));
  if (!in_place) return;
  for (size_t got; (got = fread(piece, 1, sizeof piece, old_file)) > 0;) fwrite(piece, 1, got, new_file);
  stash = take(stash_bytes + 1u, 1);
  for (uint32_t i = 0; i < stash_count; i++) read_file(new_file, stash_ranges[i].at, stash + stash_ranges[i].saved_at, stash_ranges[i].size);
  uint8_t hash[8];
  hash_of(stash, stash_bytes, hash);
  if (stash_bytes > 0 && memcmp(hash, stash_hash, 8) != 0) refuse("the stash has another hash: another base");
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: apply OLD PATCH NEW\n"), 2;
  old_file = fopen(argv[1], "rb");
  patch_file = fopen(argv[2], "rb");
  new_path = argv[3];
  if (old_file == NULL || patch_file == NULL) refuse(strerror(errno));
  for (int i = 0; i < 5; i++) if (header_byte() != "OTAD\1"[i]) refuse("not an otad patch of version 1");
  coder = header_byte();
  int flags = header_byte();
  if (coder == BROTLI || coder > MIX) refuse("packed with a coder that this applier has not");
  if (flags > 1) refuse("repacked patches are not applied");
  in_place = flags;
  if (in_place && coder == MIX) refuse("in place, the coder mix is not allowed");
  chunk_bits = header_byte();
  if (chunk_bits < 10 || chunk_bits > 24) refuse("chunks of another size");
  base_size = (uint32_t)varint(header_byte, INT32_MAX);
  target_size = (uint32_t)varint(header_byte, INT32_MAX);
  uint64_t body = varint(header_byte, coder == MIX ? 22 : (uint64_t)1 << 33);
  if (coder == MIX && body < 16) refuse("too few counters");
  images.cover_count = (uint32_t)varint(header_byte, 64 + target_size / 4);
  if (images.cover_count > MOST_COVERS) refuse("more covers than this device has memory for");
  if (in_place) stash_bytes = (uint32_t)varint(header_byte, base_size);
  if (stash_bytes > MOST_STASH) refuse("a larger stash than this device has memory for");
  for (int i = 0; i < 8 && stash_bytes > 0; i++) stash_hash[i] = header_byte();
  uint32_t chunks = (uint32_t)(((uint64_t)target_size + (1u << chunk_bits) - 1) >> chunk_bits);
  if (chunks > 65536) refuse("too many chunks");
  uint8_t *hashes = take(chunks + 1u, 8);
  if (fread(hashes, 8, chunks, patch_file) != chunks) refuse("the patch ends early");
  if (fseek(old_file, 0, SEEK_END) != 0 || ftell(old_file) != (long)base_size) refuse("the old image has another size");
  rewind(old_file);

  if (coder == MIX) mix_start((int)body);
  else {
    if (coder == LZMA) lzma_start(body);
    body_left = body;
    section_left = varint(section_byte, 16 * (uint64_t)images.cover_count + (4 << 20));
    in_section = true;
  }
  images.machine = (int)number(6);
  if (images.machine != 0) {
    block_bits = (int)number((uint64_t)(chunk_bits < 12 ? chunk_bits : 12));
    if (block_bits < 6) refuse("blocks are too small");
    read_segments(0, base_size);
    read_segments(1, target_size);
  }
  if (block_bits > chunk_bits) block_bits = chunk_bits;
  uint32_t *order = read_order(chunks);
  if (stash_bytes > 0) read_stash();
  read_covers();
  if (coder != MIX && section_left > 0) refuse("bytes follow the control section");
  predict_start(&images);

  open_slot();
  uint32_t chunk_bytes = 1u << chunk_bits;
  uint8_t *bytes = take(chunk_bytes < target_size ? chunk_bytes : target_size + 1u, 1);
  for (uint32_t i = 0; i < chunks; i++) {
    uint32_t at = order[i] << chunk_bits, end = target_size - at < chunk_bytes ? target_size : at + chunk_bytes;
    uint8_t hash[8];
    make_chunk(bytes, at, end);
    hash_of(bytes, end - at, hash);
    if (memcmp(hash, hashes + 8 * (size_t)order[i], 8) != 0) refuse("a chunk came out with a wrong hash");
    if (i + 1 == chunks) {
      if (coder == MIX) mix_end();
      else if (body_left > 0) refuse("the body goes on after the image is complete");
      else if (coder == LZMA) lzma_end();
      else if (patch_byte() >= 0) refuse("bytes follow the body");
    }
    if (fseek(new_file, (long)at, SEEK_SET) != 0 || fwrite(bytes, 1, end - at, new_file) != end - at) refuse(strerror(errno));
  }
  if (fflush(new_file) != 0 || ftruncate(fileno(new_file), (off_t)target_size) != 0 || fclose(new_file) != 0) refuse(strerror(errno));
  return 0;
}

/* docs/delta-format.md, "Control section". */
#include "control.h"
#include <stdlib.h>

static int64_t unfold(uint64_t folded) { return folded % 2 == 0 ? (int64_t)(folded / 2) : -(int64_t)((folded + 1) / 2); }

void read_segments(int image, uint32_t size) {
  uint32_t count = (uint32_t)number(65536), end = 0;
  double address = 0, most = 4503599627370496.0;
  int64_t unit = 0;
  struct segment *segments = take(count + 1u, sizeof *segments);
  for (uint32_t i = 0; i < count; i++) {
    struct segment *s = segments + i;
    s->at = end + (uint32_t)number(size - end);
    s->size = (uint32_t)number(size - s->at);
    s->address = address + (double)unfold(number((uint64_t)1 << 53));
    unit += unfold(number(131072));
    if (s->address > most || s->address < -most || unit < 0 || unit > 65536) refuse("a segment is beyond its limits");
    s->unit = (int32_t)unit;
    end = s->at + s->size;
    address = s->address + s->size;
  }
  images.segments[image] = segments;
  images.segment_count[image] = count;
}

uint32_t *read_order(uint32_t chunks) {
  uint32_t *order = take(chunks + 1u, sizeof *order);
  uint8_t *seen = take(chunks + 1u, 1);
  int64_t next = 0;
  for (uint32_t i = 0; i < chunks; i++) {
    int64_t chunk = in_place ? next + unfold(number(2 * (uint64_t)chunks)) : i;
    if (chunk < 0 || chunk >= chunks || seen[chunk]++) refuse("the order of chunks is none");
    order[i] = (uint32_t)chunk;
    next = chunk + 1;
  }
  free(seen);
  return order;
}

void read_stash(void) {
  stash_count = (uint32_t)number(stash_bytes < 65536 ? stash_bytes : 65536);
  stash_ranges = take(stash_count + 1u, sizeof *stash_ranges);
  uint64_t end = 0, total = 0;
  for (uint32_t i = 0; i < stash_count; i++) {
    uint64_t at = end + number(base_size - end), size = 1 + number(base_size - at);
    end = at + size;
    if (end > base_size) refuse("the stash leaves the old image");
    stash_ranges[i].at = (uint32_t)at;
    stash_ranges[i].size = (uint32_t)size;
    stash_ranges[i].saved_at = (uint32_t)total;
    total += size;
  }
  if (total != stash_bytes) refuse("the stash has another size");
}

void read_covers(void) {
  uint32_t count = images.cover_count;
  struct cover *covers = take(count + 1u, sizeof *covers);
  int64_t end = 0, shift = 0;
  if (coder != MIX) {
    for (uint32_t i = 0; i < count; i++) covers[i].new_at = (uint32_t)number(target_size);
    for (uint32_t i = 0; i < count; i++) covers[i].length = (uint32_t)number(target_size);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct cover_step step;
    if (coder == MIX) step = mix_cover();
    else {
      shift += unfold(number((uint64_t)1 << 33));
      step = (struct cover_step){covers[i].new_at, covers[i].length + 1ull, shift};
    }
    int64_t at = end + (int64_t)step.gap;
    end = at + (int64_t)step.length;
    if (end > target_size) refuse("a cover leaves the new image");
    if (at + step.shift < 0 || end + step.shift > base_size) refuse("a cover leaves the old image");
    covers[i] = (struct cover){(uint32_t)at, (uint32_t)(at + step.shift), (uint32_t)step.length};
  }
  images.covers = covers;
}

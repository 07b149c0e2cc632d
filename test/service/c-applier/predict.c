/* docs/delta-format.md, "Prediction". */
#include "applier.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct images *images;
static struct segment *by_address; /* the old image's, by unit, then address, then place */
static double *load_at[2];         /* of each segment's unit, in each image */
static uint8_t predicted[AROUND_MOST], turned_out[AROUND_MOST];
/* The part of a block that is worked on: within one segment of each image. */
static const uint8_t *old_bytes;
static bool learning;
static int known_from, known_to;
static uint32_t in_segment[2];
static double address_of_first[2];
static const struct segment *last_hit;

static int by_unit_and_address(const void *a, const void *b) {
  const struct segment *s = a, *t = b;
  if (s->unit != t->unit) return s->unit < t->unit ? -1 : 1;
  if (s->address != t->address) return s->address < t->address ? -1 : 1;
  return s->at < t->at ? -1 : s->at > t->at;
}

/* How many of the sorted segments have a smaller unit, or this one and an address up to this. */
static uint32_t segments_up_to(const struct segment *sorted, uint32_t count, int32_t unit, double address) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const struct segment *s = sorted + middle;
    if (s->unit < unit || (s->unit == unit && s->address <= address)) low = middle + 1;
    else high = middle;
  }
  return low;
}

void predict_start(const struct images *of) {
  images = of;
  positions_start(of);
  learned_forget();
  for (int i = 1; i >= 0; i--) {
    uint32_t count = of->segment_count[i];
    struct segment *sorted = take(count + 1u, sizeof *sorted);
    if (count > 0) memcpy(sorted, of->segments[i], count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_unit_and_address);
    load_at[i] = take(count + 1u, sizeof **load_at);
    for (uint32_t k = 0; k < count; k++) {
      double lowest = sorted[segments_up_to(sorted, count, of->segments[i][k].unit, -INFINITY)].address;
      load_at[i][k] = lowest - (low32(lowest) & 0xffff);
    }
    if (i == 0) by_address = sorted;
    else free(sorted);
  }
}

void predict_forget(void) { learned_forget(); }

/* The last segment that begins at or before a place; the count where none does. */
static uint32_t segment_at(int image, int64_t place) {
  uint32_t low = 0, high = images->segment_count[image];
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (images->segments[image][middle].at <= place) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? images->segment_count[image] : low - 1;
}

static bool holds(const struct segment *s, double address) {
  return address >= s->address && address - s->address < s->size;
}

/* Where a target went by the covers. */
static double map_target(double target) {
  const struct segment *unit_of = images->segments[0] + in_segment[0];
  const struct segment *from = last_hit;
  if (!holds(from, target)) {
    uint32_t up_to = segments_up_to(by_address, images->segment_count[0], unit_of->unit, target);
    if (up_to == 0) return NAN;
    from = by_address + up_to - 1;
    if (from->unit != unit_of->unit || !holds(from, target)) return NAN;
    last_hit = from;
  }
  int64_t place = position_of((int64_t)(from->at + (target - from->address)));
  uint32_t index = segment_at(1, place);
  if (index == images->segment_count[1]) return NAN;
  const struct segment *to = images->segments[1] + index;
  if (to->unit != images->segments[1][in_segment[1]].unit || place - to->at >= to->size) return NAN;
  return to->address + (double)(place - to->at);
}

/* What the distance in a form counts from. */
static double base_of(int image, enum form form, int at) {
  if (form == SEGMENT_32) return images->segments[image][in_segment[image]].address;
  if (form == IMAGE_32) return load_at[image][in_segment[image]];
  return address_of_first[image] + at;
}

static bool is_known(int at, int bytes) { return at >= known_from && at + bytes <= known_to; }

bool visit(enum form form, int at, int partner) {
  double target = form_read(form, old_bytes, at, base_of(0, form, at), partner);
  if (isnan(target)) return false;
  int32_t unit = images->segments[0][in_segment[0]].unit;
  double mapped = map_target(target), answer = learned_correct(target, unit, mapped);
  if (!learning) {
    if (!isnan(answer)) form_write(form, predicted, at, base_of(1, form, at), answer, partner);
  } else if (is_known(at, form_bytes(form)) && (partner == at || is_known(partner, 4))) {
    double actual = form_read(form, turned_out, at, base_of(1, form, at), partner);
    bool plausible = form >= CERTAIN || !isnan(answer) || (fabs(target) >= 65536 && fabs(target - actual) <= 65536);
    if (!isnan(actual) && actual != answer && plausible) learned_learn(target, unit, mapped, actual);
  }
  return !isnan(answer);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Looks for references in each part of the block that lies in one segment of each image. */
static void walk(int mode, const uint8_t *around, int64_t size, int64_t before, int64_t length, int64_t old_at, int64_t new_at) {
  int64_t block_at[2] = {old_at, new_at};
  old_bytes = around;
  for (int64_t done = 0, end; done < length; done = end) {
    const struct segment *in[2] = {NULL, NULL};
    end = length;
    for (int i = 0; i < 2; i++) {
      uint32_t count = images->segment_count[i], index = segment_at(i, block_at[i] + done);
      uint32_t next = index == count ? 0 : index + 1;
      if (next < count) end = least(end, images->segments[i][next].at - block_at[i]);
      if (index == count) continue;
      const struct segment *s = images->segments[i] + index;
      in_segment[i] = index;
      if (block_at[i] + done < (int64_t)s->at + s->size) in[i] = s;
    }
    if (in[0] == NULL || in[1] == NULL) continue;
    for (int i = 0; i < 2; i++) {
      end = least(end, (int64_t)in[i]->at + in[i]->size - block_at[i]);
      address_of_first[i] = in[i]->address + (double)(block_at[i] - before - in[i]->at);
    }
    last_hit = in[0];
    int64_t first = old_at - before; /* place of around[0] */
    int64_t from = most(most(0, done == 0 ? 0 : before + done - CONTEXT), in[0]->at - first);
    int64_t to = least(end == length ? size : before + end + CONTEXT, (int64_t)in[0]->at + in[0]->size - first);
    to = least(to, size);
    find_references(images->machine, mode, around, (int)from, (int)to, address_of_first[0] + (double)from);
  }
}

const uint8_t *predict(int mode, const uint8_t *around, uint32_t size, uint32_t before, uint32_t length,
                       uint32_t old_at, uint32_t new_at) {
  memcpy(predicted, around, size);
  learning = false;
  if (mode != 0) walk(mode, around, size, before, length, old_at, new_at);
  return predicted + before;
}

void predict_learn(int mode, const uint8_t *around, uint32_t size, uint32_t before, const uint8_t *actual,
                   uint32_t length, uint32_t old_at, uint32_t new_at) {
  memcpy(turned_out, around, size);
  memcpy(turned_out + before, actual, length);
  learning = true;
  known_from = (int)before;
  known_to = (int)(before + length);
  walk(mode, around, size, before, length, old_at, new_at);
}

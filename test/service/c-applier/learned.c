/* docs/delta-format.md, "What is learned". */
#include "applier.h"
#include <math.h>

enum { TARGET_BITS = 14, REGION_BITS = 12, MOST_REPEATS = 2 };
struct entry { double key, misled, shift; int32_t unit, repeats; };
static struct entry targets[1 << TARGET_BITS], regions[1 << REGION_BITS];
static bool used = true;

static struct entry *place(struct entry *table, int bits, double key, int32_t unit) {
  uint32_t hash = ((uint32_t)low32(key) ^ (uint32_t)unit * 0x9e3779b1u) * 0x85ebca6bu;
  return table + (hash >> (32 - bits));
}

static double fine(double target) { return floor(target / 64) * 2; }
static double coarse(double target) { return floor(target / 8192) * 2 + 1; }
static bool has(const struct entry *e, double key, int32_t unit) { return e->key == key && e->unit == unit; }

double learned_correct(double target, int32_t unit, double mapped) {
  bool none = isnan(mapped);
  double misled = mapped - target;
  const struct entry *e = place(targets, TARGET_BITS, target, unit);
  if (has(e, target, unit) && e->repeats >= (none ? 0 : 1)) return target + e->shift;
  for (int i = 0; i < 2; i++) {
    double key = i == 0 ? fine(target) : coarse(target);
    e = place(regions, REGION_BITS, key, unit);
    if (!has(e, key, unit) || e->repeats < (none ? 1 : 2)) continue;
    if (none ? isnan(e->misled) : e->misled == misled) return target + e->shift;
  }
  return target + misled;
}

static void write(struct entry *e, double key, int32_t unit, double misled, double shift) {
  bool again = has(e, key, unit) && e->shift == shift;
  e->repeats = !again ? 0 : e->repeats < MOST_REPEATS ? e->repeats + 1 : MOST_REPEATS;
  e->key = key;
  e->unit = unit;
  e->misled = misled;
  e->shift = shift;
}

void learned_learn(double target, int32_t unit, double mapped, double actual) {
  double misled = mapped - target, shift = actual - target;
  write(place(targets, TARGET_BITS, target, unit), target, unit, misled, shift);
  write(place(regions, REGION_BITS, fine(target), unit), fine(target), unit, misled, shift);
  write(place(regions, REGION_BITS, coarse(target), unit), coarse(target), unit, misled, shift);
  used = true;
}

void learned_forget(void) {
  if (!used) return;
  for (int i = 0; i < 1 << TARGET_BITS; i++) targets[i].key = NAN;
  for (int i = 0; i < 1 << REGION_BITS; i++) regions[i].key = NAN;
  used = false;
}

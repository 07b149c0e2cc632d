/* docs/delta-format.md, "The mixing coder": range decoder, logistic, counters, mixer. */
#include "applier.h"

static uint32_t range = 0xffffffff, code;
static int missing, shift;
static uint32_t *cells;
static const int16_t KNOTS[33] = {1, 2, 4, 6, 10, 17, 27, 45, 74, 120, 194, 311, 488, 747, 1102, 1546, 2048,
  2550, 2994, 3349, 3608, 3785, 3902, 3976, 4022, 4051, 4069, 4079, 4086, 4090, 4092, 4094, 4095};
static int16_t squash[4096], stretch[4096]; /* squash from -2048 on */

static uint32_t next(void) {
  int byte = patch_byte();
  if (byte >= 0) return (uint32_t)byte;
  if (++missing > 4) refuse("the body is too short for the image it should make");
  return 0;
}

static int decide(int32_t probability) {
  uint32_t bound = (range >> 12) * (uint32_t)probability;
  int bit = code < bound;
  if (bit) range = bound;
  else code -= bound, range -= bound;
  while (range < 1u << 24) {
    code = code << 8 | next();
    range <<= 8;
  }
  return bit;
}

void mixer_start(int table_bits) {
  shift = 32 - table_bits;
  cells = take((size_t)1 << table_bits, sizeof *cells);
  for (uint32_t i = 0; i < 1u << table_bits; i++) cells[i] = 1u << 31;
  for (int i = 0; i < 4096; i++) {
    int k = i >> 7, f = i & 127;
    squash[i] = (int16_t)((KNOTS[k] * (128 - f) + KNOTS[k + 1] * f + 64) >> 7);
  }
  for (int probability = 0, x = -2047; probability < 4096; probability++) {
    while (x < 2047 && squash[x + 2048] < probability) x++;
    stretch[probability] = (int16_t)x;
  }
  for (int i = 0; i < 4; i++) code = code << 8 | next();
}

void mixer_end(void) {
  if (patch_byte() >= 0) refuse("the body goes on after the image is complete");
}

int32_t mixer_stretch(uint32_t probability) { return stretch[probability]; }
uint32_t mixer_cell(uint32_t hash) { return hash >> shift; }
uint32_t mixer_tree(uint32_t hash) { return hash >> (shift + 4) << 4; }

uint32_t mixer_hash(uint32_t a, uint32_t b) {
  uint32_t x = a * 0x9e3779b1u ^ (b + 0x7f4a7c15u) * 0x85ebca6bu;
  x ^= x >> 15;
  x *= 0x2c1b3c6du;
  return x ^ x >> 12;
}

void mixer_make(struct mixer *m, int contexts, int opinions, int sets, int curves) {
  m->contexts = contexts;
  m->opinions = opinions;
  m->weights = take((size_t)(sets * (contexts + opinions)), sizeof *m->weights);
  for (int i = 0; i < sets * (contexts + opinions); i++) m->weights[i] = 19661;
  m->curves = take((size_t)curves * 33, sizeof *m->curves);
  for (int i = 0; i < curves * 33; i++) m->curves[i] = squash[i % 33 == 32 ? 4095 : i % 33 * 128] * 16;
}

uint32_t mixer_learned(uint32_t counter, int bit, uint32_t most) {
  int32_t probability = (int32_t)(counter >> 10), count = (int32_t)(counter & 1023);
  probability += (((bit ? 4194303 : 0) - probability) >> 4) * (8192 / (2 * count + 3)) >> 8;
  return (uint32_t)probability << 10 | ((uint32_t)count < most ? (uint32_t)count + 1 : (uint32_t)count);
}

static int32_t clip(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

int mixer_decide(struct mixer *m, int node, int set, int curve) {
  int32_t inputs[7], inputs_count = m->contexts + m->opinions, sum = 0;
  int32_t *weights = m->weights + set * inputs_count;
  for (int i = 0; i < inputs_count; i++) {
    if (i < m->contexts) {
      uint32_t counter = cells[m->places[i] + (uint32_t)node];
      inputs[i] = (counter & 1023) == 0 ? 0 : stretch[counter >> 20];
    } else inputs[i] = m->opinion;
    sum += weights[i] * inputs[i] >> 8;
  }
  int32_t x = clip(sum >> 8, -2047, 2047) + 2048, p = squash[x], part = x & 127;
  int32_t *knot = m->curves + curve * 33 + (x >> 7);
  int32_t corrected = (knot[0] * (128 - part) + knot[1] * part) >> 11;
  int bit = decide(clip((p + corrected + 1) >> 1, 1, 4095));

  int32_t error = ((bit << 12) - p) * 4, most = (1 << 19) - 1;
  for (int i = 0; i < inputs_count; i++) {
    weights[i] = clip(weights[i] + ((inputs[i] * error + 8192) >> 14), -most, most);
  }
  knot[part >> 6] += ((bit ? 65535 : 0) - knot[part >> 6]) >> 6;
  for (int i = 0; i < m->contexts; i++) {
    uint32_t *counter = &cells[m->places[i] + (uint32_t)node];
    *counter = mixer_learned(*counter, bit, 16);
  }
  return bit;
}

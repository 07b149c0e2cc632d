/* Raw LZMA1 whose decoded size is known (LZMA SDK, lzma-specification.txt). */
#include "applier.h"

enum { LITERAL = 0x300 };
struct length_coder { uint16_t choice[2], low[16][8], mid[16][8], high[256]; };
static struct {
  uint16_t match[12][16], rep[12], rep0[12], rep1[12], rep2[12], rep0_long[12][16];
  uint16_t slot[4][64], near[128], align[16];
  struct length_coder match_length, rep_length;
  uint16_t literal[LITERAL << 4];
} p;
static uint32_t range, code, reps[4], state;
static uint64_t decoded, made, held, copy_left, dictionary;
static int lc, lp, pb;
static uint8_t *window;

static uint32_t input(void) {
  int byte = patch_byte();
  if (byte < 0) refuse("the LZMA data ends early");
  return (uint32_t)byte;
}

static void fresh(uint16_t *probabilities, size_t size) {
  for (size_t i = 0; i < size / 2; i++) probabilities[i] = 1024;
}

static void normalise(void) {
  if (range < 1u << 24) {
    range <<= 8;
    code = code << 8 | input();
  }
}

static uint32_t bit(uint16_t *probability) {
  uint32_t bound = (range >> 11) * *probability;
  if (code < bound) {
    range = bound;
    *probability = (uint16_t)(*probability + ((2048 - *probability) >> 5));
    normalise();
    return 0;
  }
  code -= bound;
  range -= bound;
  *probability = (uint16_t)(*probability - (*probability >> 5));
  normalise();
  return 1;
}

static uint32_t tree(uint16_t *probabilities, int bits) {
  uint32_t node = 1;
  for (int i = 0; i < bits; i++) node = node * 2 + bit(probabilities + node);
  return node - (1u << bits);
}

static uint32_t reverse_tree(uint16_t *probabilities, int bits) {
  uint32_t node = 1, value = 0;
  for (int i = 0; i < bits; i++) {
    uint32_t b = bit(probabilities + node);
    node = node * 2 + b;
    value |= b << i;
  }
  return value;
}

static uint32_t length_of(struct length_coder *l, uint32_t place) {
  if (bit(&l->choice[0]) == 0) return 2 + tree(l->low[place], 3);
  if (bit(&l->choice[1]) == 0) return 10 + tree(l->mid[place], 3);
  return 18 + tree(l->high, 8);
}

static uint32_t distance_of(uint32_t length) {
  uint32_t slot = tree(p.slot[length < 6 ? length - 2 : 3], 6);
  if (slot < 4) return slot;
  int bits = (int)(slot >> 1) - 1;
  uint32_t distance = (2 | (slot & 1)) << bits;
  if (slot < 14) return distance + reverse_tree(p.near + distance - slot, bits);
  uint32_t direct = 0;
  for (int i = 0; i < bits - 4; i++) {
    range >>= 1;
    uint32_t one = code >= range;
    if (one) code -= range;
    direct = direct * 2 + one;
    normalise();
  }
  return distance + direct * 16 + reverse_tree(p.align, 4);
}

void lzma_start(uint64_t size) {
  uint32_t properties = input(), bits = input();
  lc = (int)(properties % 9), lp = (int)(properties / 9 % 5), pb = (int)(properties / 45);
  if (pb > 4 || lc + lp > 4 || bits > 26) refuse("unknown LZMA properties");
  decoded = size;
  dictionary = (uint64_t)1 << bits;
  held = dictionary < size ? dictionary : size;
  window = take(held + 1, 1);
  fresh((uint16_t *)&p, sizeof p);
  if (input() != 0) refuse("LZMA data begins with a zero");
  range = 0xffffffff;
  for (int i = 0; i < 4; i++) code = code << 8 | input();
}

static uint8_t back(uint64_t distance) { return window[(made - distance) % held]; }

static void literal(void) {
  uint32_t before = made > 0 ? back(1) : 0, node = 1;
  uint16_t *l = p.literal + LITERAL * (((made & ((1u << lp) - 1)) << lc) + (before >> (8 - lc)));
  if (state >= 7) {
    uint32_t match = back(reps[0] + 1ull);
    while (node < 0x100) {
      uint32_t expected = match >> 7 & 1;
      match <<= 1;
      uint32_t b = bit(l + ((1 + expected) << 8) + node);
      node = node * 2 + b;
      if (b != expected) break;
    }
  }
  while (node < 0x100) node = node * 2 + bit(l + node);
  window[made++ % held] = (uint8_t)node;
  state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
}

static void repeated(uint32_t place) {
  if (bit(&p.rep0[state]) == 0) {
    if (bit(&p.rep0_long[state][place]) == 0) {
      copy_left = 1;
      state = state < 7 ? 9 : 11;
      return;
    }
  } else {
    uint32_t distance;
    if (bit(&p.rep1[state]) == 0) distance = reps[1];
    else {
      if (bit(&p.rep2[state]) == 0) distance = reps[2];
      else distance = reps[3], reps[3] = reps[2];
      reps[2] = reps[1];
    }
    reps[1] = reps[0];
    reps[0] = distance;
  }
  copy_left = length_of(&p.rep_length, place);
  state = state < 7 ? 8 : 11;
}

static void symbol(void) {
  uint32_t place = (uint32_t)made & ((1u << pb) - 1);
  if (bit(&p.match[state][place]) == 0) {
    literal();
    return;
  }
  if (bit(&p.rep[state]) == 1) repeated(place);
  else {
    copy_left = length_of(&p.match_length, place);
    uint32_t distance = distance_of((uint32_t)copy_left);
    reps[3] = reps[2], reps[2] = reps[1], reps[1] = reps[0], reps[0] = distance;
    state = state < 7 ? 7 : 10;
  }
  if (reps[0] >= made || reps[0] >= dictionary) refuse("an LZMA match reaches too far back");
}

void lzma_read(uint8_t *into, size_t size) {
  if (size > decoded - made) refuse("the body is shorter than what it should make");
  for (size_t i = 0; i < size; i++) {
    if (copy_left == 0) {
      uint64_t before = made;
      symbol();
      if (made > before) { /* a literal */
        into[i] = back(1);
        continue;
      }
    }
    uint8_t byte = back(reps[0] + 1ull);
    window[made++ % held] = byte;
    into[i] = byte;
    copy_left--;
  }
}

void lzma_end(void) {
  if (made != decoded || copy_left > 0) refuse("the body goes on after the image is complete");
  if (code != 0 || patch_byte() >= 0) refuse("the LZMA data does not end with its last byte");
}

/* docs/delta-format.md, "The mixing coder": numbers, covers, modes, differences, extra bytes. */
#include "applier.h"
#define H mixer_hash
#define CELL(h) mixer_cell(h)

static struct mixer numbers, modes, groups, words, equals;
static struct byte_model values, literals;
static int past[5][3];

void mix_start(int table_bits) {
  mixer_start(table_bits);
  history_start(table_bits < 20 ? table_bits : 20);
  mixer_make(&numbers, 4, 0, 10, 1);
  mixer_make(&modes, 3, 0, 1, 1);
  mixer_make(&groups, 3, 0, 4, 1);
  mixer_make(&words, 4, 0, 16, 512);
  mixer_make(&equals, 6, 0, 8, 128);
  byte_model_make(&values, 6, 8);
  byte_model_make(&literals, 5, 4);
}

void mix_end(void) { mixer_end(); }

static uint32_t bits_of(uint64_t value) {
  uint32_t bits = 0;
  for (; value > 0; value >>= 1) bits++;
  return bits;
}

static uint64_t number(uint32_t column, uint32_t beside) {
  uint32_t *place = numbers.places, count = 0;
  int one = past[column][0], two = past[column][1];
  for (; count < 53; count++) {
    uint32_t here = column * 64 + count;
    place[0] = CELL(H(51, here));
    place[1] = CELL(H(52, here + (uint32_t)one * 65536));
    place[2] = CELL(H(H(53, here + (uint32_t)one * 65536), (uint32_t)two));
    place[3] = CELL(H(H(54, here), beside));
    if (mixer_decide(&numbers, 0, (int)column * 2, 0) == 0) break;
  }
  past[column][2] = two;
  past[column][1] = one;
  past[column][0] = (int)count;
  if (count < 2) return count;
  uint32_t here = column * 64 + count;
  uint64_t value = 1;
  for (uint32_t left = count - 1; left > 0; left--) {
    uint32_t known = value < 4096 ? (uint32_t)value : 4096 + bits_of(value);
    place[0] = CELL(H(H(61, here), known));
    place[1] = CELL(H(H(62, column), count * 64 + bits_of(value)));
    place[2] = CELL(H(H(63, here + (uint32_t)one * 65536), known));
    place[3] = CELL(H(H(64, here + known * 65536), beside));
    value = value * 2 + (uint64_t)mixer_decide(&numbers, 0, (int)column * 2 + 1, 0);
  }
  return value;
}

uint64_t mix_field(void) { return number(0, 0); }

struct cover_step mix_cover(void) {
  static int64_t recent[15];
  static uint32_t recent_count = 1, last;
  struct cover_step step;
  step.gap = number(1, last);
  uint32_t gap_bits = step.gap >> 32 ? 33 : bits_of(step.gap);
  uint64_t which = number(2, gap_bits);
  uint32_t from;
  if (which >= 1 && which <= recent_count) {
    from = (uint32_t)which - 1;
    step.shift = recent[from];
  } else {
    uint64_t folded = number(3, gap_bits);
    step.shift = recent[0] + (folded % 2 == 0 ? (int64_t)(folded / 2) : -(int64_t)((folded + 1) / 2));
    if (recent_count < 15) recent_count++;
    from = recent_count - 1;
  }
  for (; from > 0; from--) recent[from] = recent[from - 1];
  recent[0] = step.shift;
  last = which < 3 ? (uint32_t)which : 3;
  step.length = number(4, gap_bits * 4 + last) + 1;
  return step;
}

int mix_mode(uint32_t length) {
  static uint32_t one, two;
  modes.places[0] = mixer_tree(H(71, one));
  modes.places[1] = mixer_tree(H(72, one * 8 + two));
  modes.places[2] = mixer_tree(H(73, one * 65536 + length));
  int node = 1;
  while (node < 16) node = node * 2 + mixer_decide(&modes, node, 0, 0);
  two = one;
  one = (uint32_t)node - 16;
  return (int)one;
}

static uint32_t groups_past, words_past, equal_words, last_at[4], last_value, value_before_last;

static uint32_t distance_class(uint32_t n) {
  return n < 16 ? n : n < 64 ? 16 + (n >> 4) : n < 1024 ? 20 + (n >> 7) : 28;
}

static uint8_t difference(uint32_t byte, uint32_t highest, uint32_t before, uint32_t place) {
  uint32_t *c = values.contexts;
  c[0] = H(21, place);
  c[1] = H(23, byte * 4 + place);
  c[2] = H(25, H(highest * 4 + place, before));
  c[3] = H(26, H(last_value, value_before_last * 4 + place));
  c[4] = H(27, H(highest, last_at[place] * 4 + place));
  c[5] = H(28, byte * 256 + history_back(1));
  int expected = history_expected < 0 ? -1 : (history_expected - (int)byte) & 255;
  return (uint8_t)byte_model_decode(&values, expected, history_agreed, (int)place * 2 + (before != 0));
}

static void word(uint8_t *bytes, uint32_t length, uint32_t first, const uint8_t *old, uint32_t mode) {
  uint32_t predicted = 0, highest = bytes[length - 1], touched = 0;
  for (uint32_t i = 0; i < length; i++) {
    predicted |= (uint32_t)bytes[i] << (8 * (first + i));
    if (bytes[i] != old[i]) touched = 1;
  }
  uint32_t *at = words.places, past_words = words_past;
  at[0] = CELL(H(H(2, highest), length + mode * 8 + touched * 64));
  at[1] = CELL(H(3, predicted));
  at[2] = CELL(H(H(4, distance_class(equal_words)), (highest >> 2) + touched * 256 + mode * 512));
  at[3] = CELL(H(H(5, (bytes[0] & 31u) | highest << 8), past_words & 3));
  int set = (int)((past_words & 3) * 2 + (length == 4) + touched * 8);
  int differs = mixer_decide(&words, 0, set, (int)((past_words & 255) + touched * 256));
  words_past = past_words << 1 | (uint32_t)differs;
  if (!differs) {
    equal_words++;
    for (uint32_t i = 0; i < length; i++) history_add(bytes[i]);
    return;
  }
  equal_words = 0;
  uint32_t second = length > 1 ? bytes[length - 2] : bytes[0], pattern = 0, before = 0, seen = 0;
  for (uint32_t i = 0; i < length; i++) {
    uint32_t byte = bytes[i], place = first + i, equal = 0;
    if (i < length - 1 || seen) {
      uint32_t *e = equals.places, where = place * 256 + pattern;
      e[0] = CELL(H(H(12, byte), where));
      e[1] = CELL(H(H(13, predicted), where));
      e[2] = CELL(H(H(14, highest), where));
      e[3] = CELL(H(H(15, last_at[place]), where));
      e[4] = CELL(H(H(16, second | highest << 8), where));
      e[5] = CELL(H(H(18, byte >> 4), pattern * 4 + place));
      equal = (uint32_t)mixer_decide(&equals, 0, (int)(place * 2 + seen), (int)(pattern * 4 + place));
    }
    pattern = pattern * 2 + equal + 2;
    before <<= 8;
    if (!equal) {
      seen = 1;
      uint8_t d = difference(byte, highest, before >> 8, place);
      bytes[i] = (uint8_t)(byte + d);
      before |= d;
      value_before_last = last_value;
      last_value = last_at[place] = d;
    }
    history_add(bytes[i]);
  }
}

void mix_differences(uint8_t *bytes, uint32_t size, uint32_t position, const uint8_t *old, int mode) {
  for (uint32_t at = 0; at < size;) {
    uint32_t left = size - at, length = 1024 - (position + at) % 1024;
    if (length > left) length = left;
    groups.places[0] = CELL(H(41, groups_past & 15));
    groups.places[1] = CELL(H(42, groups_past & 255));
    groups.places[2] = CELL(H(43, groups_past & 0xffff));
    int differs = mixer_decide(&groups, 0, (int)(groups_past & 3), 0);
    groups_past = groups_past << 1 | (uint32_t)differs;
    if (!differs) {
      words_past = 0;
      equal_words += length >> 2;
      history_skip(bytes + at, length);
      at += length;
      continue;
    }
    for (uint32_t end = at + length; at < end;) {
      uint32_t place = (position + at) % 4, part = 4 - place < end - at ? 4 - place : end - at;
      word(bytes + at, part, place, old + at, (uint32_t)mode);
      at += part;
    }
  }
}

void mix_extra(uint8_t *bytes, uint32_t size, uint32_t position) {
  uint32_t *c = literals.contexts;
  for (uint32_t i = 0; i < size; i++) {
    uint32_t place = (position + i) & 3, one = history_back(1), four = history_back(4);
    uint32_t two = one | history_back(2) << 8;
    c[0] = H(31, place);
    c[1] = H(32, one);
    c[2] = H(33, two);
    c[3] = H(35, (four | history_back(8) << 8) * 4 + place);
    c[4] = H(37, H(four * 4 + place, two | history_back(3) << 16));
    bytes[i] = (uint8_t)byte_model_decode(&literals, history_expected, history_agreed, (int)place);
    history_add(bytes[i]);
  }
}

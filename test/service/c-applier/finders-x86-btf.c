/* docs/delta-format.md, "What each mode looks at": x86-64 code, and the type information of kernels. */
#include "applier.h"
#include <string.h>

void find_x86(const uint8_t *b, int from, int to, double address);
void find_btf(const uint8_t *b, int from, int to, double address);

/* Immediates after the operand: 0, 1, 4 as wide as the operand, 5 and 6 of TEST (1 and 4), -1 no such opcode. */
static const struct { uint8_t first, last; int8_t kind; } ONE_BYTE[] = {
  {0x01, 0x03, 0}, {0x08, 0x0b, 0}, {0x10, 0x13, 0}, {0x18, 0x1b, 0}, {0x20, 0x23, 0}, {0x28, 0x2b, 0}, {0x30, 0x33, 0},
  {0x38, 0x3b, 0}, {0x63, 0x63, 0}, {0x69, 0x69, 4}, {0x6b, 0x6b, 1}, {0x80, 0x80, 1}, {0x81, 0x81, 4}, {0x83, 0x83, 1},
  {0x84, 0x8b, 0}, {0x8d, 0x8d, 0}, {0x8f, 0x8f, 0}, {0xc0, 0xc1, 1}, {0xc6, 0xc6, 1}, {0xc7, 0xc7, 4}, {0xd0, 0xd3, 0},
  {0xd8, 0xdf, 0}, {0xf6, 0xf6, 5}, {0xf7, 0xf7, 6}, {0xfe, 0xff, 0}, {0, 0, -1}},
  TWO_BYTES[] = {
  {0x0d, 0x0d, 0}, {0x10, 0x1f, 0}, {0x28, 0x2f, 0}, {0x40, 0x6f, 0}, {0x70, 0x73, 1}, {0x74, 0x76, 0}, {0x78, 0x7f, 0},
  {0x90, 0x9f, 0}, {0xa3, 0xa3, 0}, {0xa4, 0xa4, 1}, {0xa5, 0xa5, 0}, {0xab, 0xab, 0}, {0xac, 0xac, 1}, {0xad, 0xb9, 0},
  {0xba, 0xba, 1}, {0xbb, 0xc1, 0}, {0xc2, 0xc2, 1}, {0xc3, 0xc3, 0}, {0xc4, 0xc6, 1}, {0xc7, 0xc7, 0}, {0xd0, 0xfe, 0}, {0, 0, -1}};
static int8_t map[2][256];

static void make_maps(void) {
  static bool made;
  if (made) return;
  made = true;
  memset(map, -1, sizeof map);
  for (int i = 0; ONE_BYTE[i].kind >= 0; i++) for (int k = ONE_BYTE[i].first; k <= ONE_BYTE[i].last; k++) map[0][k] = ONE_BYTE[i].kind;
  for (int i = 0; TWO_BYTES[i].kind >= 0; i++) for (int k = TWO_BYTES[i].first; k <= TWO_BYTES[i].last; k++) map[1][k] = TWO_BYTES[i].kind;
}

static int immediate_after(const uint8_t *b, int from, int modrm) {
  uint32_t before[5] = {0};
  for (int i = 1; i < 5 && modrm - i >= from; i++) before[i] = b[modrm - i];
  if (modrm - 1 < from) return -1;
  if (before[3] == 0x0f && (before[2] == 0x38 || before[2] == 0x3a)) return before[2] == 0x3a;
  uint32_t vex = before[4] == 0xc4 ? before[3] & 0x1f : 0;
  if (vex == 2 || vex == 3) return (int)vex - 2;
  int kind = -1;
  if (before[2] == 0x0f || before[3] == 0xc5 || vex == 1) kind = map[1][before[1]];
  if (kind < 0) kind = map[0][before[1]];
  if (kind == 5 || kind == 6) {
    if ((b[modrm] & 0x30) != 0) return 0;
    kind = kind == 5 ? 1 : 4;
  }
  bool half = before[2] == 0x66 || (before[3] == 0x66 && (before[2] & 0xf0) == 0x40);
  return kind == 4 && half ? 2 : kind;
}

void find_x86(const uint8_t *b, int from, int to, double address) {
  make_maps();
  for (int at = from + 1; at + 4 <= to; at++) {
    uint32_t last = b[at - 1];
    if ((last & 0xfe) == 0xe8 || ((last & 0xf0) == 0x80 && at - from >= 2 && b[at - 2] == 0x0f)) {
      if (visit(X86_0, at, at)) {
        at += 3;
        continue;
      }
    }
    if ((last & 0xc7) == 0x05) {
      int immediate = immediate_after(b, from, at - 1);
      if (immediate >= 0 && visit(immediate == 4 ? X86_4 : (enum form)(X86_0 + immediate), at, at)) {
        at += 3;
        continue;
      }
    }
    int32_t word = (int32_t)word32(b + at), distance = (int32_t)((uint32_t)word - (uint32_t)low32(address));
    if ((word < 0 || word >= 0x400000) && distance < 1 << 27 && distance > -(1 << 27) && visit(X86_ABSOLUTE, at, at)) at += 3;
  }
}

/* Kinds of BTF records: named; what the third word is; words that follow once; words of each member; most members. */
static const struct kind { bool sound, named; char third; const char *extra, *member; uint32_t most; } KINDS[32] = {
  [1] = {true, true, 's', "o", "", 0}, [2] = {true, false, 't', "", "", 0}, [3] = {true, false, 's', "tto", "", 0},
  [4] = {true, true, 's', "", "nto", 0}, [5] = {true, true, 's', "", "nto", 0}, [6] = {true, true, 's', "", "no", 0},
  [7] = {true, true, 's', "", "", 0}, [8] = {true, true, 't', "", "", 0}, [9] = {true, false, 't', "", "", 0},
  [10] = {true, false, 't', "", "", 0}, [11] = {true, false, 't', "", "", 0}, [12] = {true, true, 't', "", "", 2},
  [13] = {true, false, 't', "", "nt", 0}, [14] = {true, true, 't', "o", "", 0}, [15] = {true, true, 's', "", "too", 0},
  [16] = {true, true, 's', "", "", 0}, [17] = {true, true, 't', "o", "", 0}, [18] = {true, true, 't', "", "", 0},
  [19] = {true, true, 's', "", "noo", 0}};

static const struct kind *kind_at(const uint8_t *b) {
  uint32_t name = word32(b), info = word32(b + 4), third = word32(b + 8);
  const struct kind *k = &KINDS[info >> 24 & 0x1f];
  if ((info & 0x60ff0000) != 0 || !k->sound || (k->named ? name >= 1 << 24 : name != 0)) return NULL;
  if (k->member[0] == 0 && (info & 0xffff) > k->most) return NULL;
  return third < (k->third == 't' ? 1u << 21 : 1u << 24) ? k : NULL;
}

static int record_bytes(const uint8_t *b, const struct kind *k) {
  return 12 + 4 * (int)(strlen(k->extra) + strlen(k->member) * (word32(b + 4) & 0xffff));
}

static int first_record(const uint8_t *b, int from, int to) {
  for (int start = from; start + 12 <= to; start += 4) {
    int records = 0, at = start;
    const struct kind *k;
    for (; at + 12 <= to && (k = kind_at(b + at)) != NULL; at += record_bytes(b + at, k)) records++;
    if (at + 12 > to && records >= 3) return start;
  }
  return -1;
}

static void btf_word(const uint8_t *b, int at, char what) {
  if (what != 'o' && word32(b + at) != 0) visit(what == 'n' ? BTF_NAME : BTF_TYPE, at, at);
}

void find_btf(const uint8_t *b, int from, int to, double address) {
  int start = first_record(b, from + (int)((0u - (uint32_t)low32(address)) & 3), to);
  if (start < 0) return;
  uint32_t place = UINT32_MAX;
  for (int at = start - 12; at >= from; at -= 12) {
    uint32_t type = word32(b + at + 4), own = word32(b + at + 8);
    if (word32(b + at) >= 1 << 24 || type == 0 || type >= 1 << 21 || own > place) break;
    place = own;
    btf_word(b, at, 'n');
    btf_word(b, at + 4, 't');
  }
  for (int at = start; at + 12 <= to;) {
    const struct kind *k = kind_at(b + at);
    if (k == NULL) return;
    if (k->named) btf_word(b, at, 'n');
    if (k->third == 't') btf_word(b, at + 8, 't');
    int end = at + record_bytes(b + at, k), words = (int)strlen(k->extra);
    const char *what = words > 0 ? k->extra : k->member;
    if (words == 0) words = (int)strlen(what);
    for (int word = at + 12, i = 0; word < end && word + 4 <= to; word += 4, i++) btf_word(b, word, what[i % words]);
    at = end;
  }
}

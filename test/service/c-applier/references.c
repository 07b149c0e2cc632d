/* docs/delta-format.md, "Forms of references": how each is read and written. */
#include "applier.h"
#include <math.h>

static const double ADDEND_AT = 4503599627370496.0, SYMBOL_AT = 2251799813685248.0, TYPE_AT = 562949953421312.0;
static const double NAME_AT = 562949953421312.0 + 0x50000000;

int form_bytes(enum form form) {
  if (form == POINTER_64) return 8;
  if (form == RV_CJ) return 2;
  return form == XT_CALL || form == XT_JUMP || form == XT_LITERAL ? 3 : 4;
}

bool thumb_is_25(uint32_t first, uint32_t second) {
  uint32_t kind = second & 0xd000;
  return (first & 0xf800) == 0xf000 && (kind == 0xd000 || kind == 0x9000 || (kind == 0xc000 && (second & 1) == 0));
}
bool thumb_is_21(uint32_t first, uint32_t second) {
  return (first & 0xf800) == 0xf000 && (second & 0xd000) == 0x8000 && (first & 0x0380) != 0x0380;
}
bool thumb_is_move(uint32_t first, uint32_t second, uint32_t pattern) {
  return (first & 0xfbf0) == pattern && (second & 0x8000) == 0;
}
static double thumb_base(double address, uint32_t second) {
  double base = address + 4;
  return (second & 0xd000) == 0xc000 ? base - (low32(base) & 3) : base;
}
static uint32_t thumb_immediate(const uint8_t *b) {
  uint32_t first = word16(b), second = word16(b + 2);
  return (first & 0xf) << 12 | (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | (second & 0xff);
}
static void thumb_put_immediate(uint8_t *b, uint32_t v) {
  put16(b, (word16(b) & 0xfbf0) | (v >> 12 & 0xf) | (v >> 11 & 1) << 10);
  put16(b + 2, (word16(b + 2) & 0x8f00) | (v >> 8 & 7) << 12 | (v & 0xff));
}

static bool is_arm_branch(uint32_t word) { return (word & 0x0e000000) == 0x0a000000; }
static bool is_arm_blx(uint32_t word) { return word >> 28 == 15; }
static uint32_t arm_immediate(uint32_t word) { return (word >> 4 & 0xf000) | (word & 0xfff); }
static uint32_t arm_with_immediate(uint32_t word, uint32_t v) { return (word & 0xfff0f000) | (v & 0xf000) << 4 | (v & 0xfff); }

/* A64 branches: mask, pattern, where the field of words begins, its bits. */
static const struct { uint32_t mask, pattern; int at, bits; } A64[] = {
  {0x7c000000, 0x14000000, 0, 26}, {0xff000000, 0x54000000, 5, 19}, {0x7e000000, 0x34000000, 5, 19},
  {0x7e000000, 0x36000000, 5, 14}, {0x3b000000, 0x18000000, 5, 19}};
static int32_t a64_immediate(uint32_t word) { return field(word, 5, 19) * 4 + (int32_t)(word >> 29 & 3); }
static uint32_t a64_with_immediate(uint32_t word, uint32_t v) {
  return (word & 0x9f00001f) | (v & 3) << 29 | (v >> 2 & 0x7ffff) << 5;
}
static double page(double address) { return address - (low32(address) & 0xfff); }
static bool is_adrp(uint32_t word) { return (word & 0x9f000000) == 0x90000000; }
int a64_scale(uint32_t word) {
  if ((word & 0x7fc00000) == 0x11000000) return 0;
  if ((word & 0x3b000000) != 0x39000000) return -1;
  return word >> 30 == 0 && (word & 0x04800000) == 0x04800000 ? 4 : (int)(word >> 30);
}
static double read_adrp(const uint8_t *bytes, int at, double address) {
  uint32_t word = word32(bytes + at);
  return is_adrp(word) ? page(address) + a64_immediate(word) * 4096.0 : NAN;
}
static double read_offset(const uint8_t *bytes, int at, double address, int adrp) {
  uint32_t word = word32(bytes + at);
  if (a64_scale(word) < 0) return NAN;
  return read_adrp(bytes, adrp, address + (adrp - at)) + ((word >> 10 & 0xfff) << a64_scale(word));
}
static void write_offset(uint8_t *b, double target) {
  uint32_t word = word32(b);
  if (a64_scale(word) < 0) refuse("a form changed under way");
  put32(b, (word & ~0x003ffc00u) | ((uint32_t)low32(target) & 0xfff) >> a64_scale(word) << 10);
}
static void write_adrp(uint8_t *b, double address, double target) {
  put32(b, a64_with_immediate(word32(b), (uint32_t)low32((page(target) - page(address)) / 4096)));
}

int rv_low_format(uint32_t word) {
  switch (word & 0x7f) {
    case 0x03: case 0x07: case 0x67: return 'I';
    case 0x13: case 0x1b: return (word & 0x7000) == 0 ? 'I' : 0;
    case 0x23: case 0x27: return 'S';
    default: return 0;
  }
}
static double rv_origin(uint32_t upper, double address) { return (upper & 0x7f) == 0x17 ? address : 0; }
static double read_low(const uint8_t *bytes, int at, double address, int upper_at) {
  uint32_t upper = word32(bytes + upper_at), word = word32(bytes + at);
  int32_t low = rv_low_format(word) == 'S' ? field(word, 25, 7) * 32 + (int32_t)(word >> 7 & 0x1f) : field(word, 20, 12);
  return rv_origin(upper, address + (upper_at - at)) + (int32_t)(upper & ~0xfffu) + low;
}
static void write_low(uint8_t *bytes, int at, double address, double target, int upper_at) {
  uint32_t word = word32(bytes + at);
  uint32_t low = (uint32_t)low32(target - rv_origin(word32(bytes + upper_at), address + (upper_at - at)));
  if (rv_low_format(word) == 'S') put32(bytes + at, (word & 0x01fff07f) | (low & 0xfe0) << 20 | (low & 0x1f) << 7);
  else put32(bytes + at, (word & 0xfffff) | low << 20);
}

static uint32_t word24(const uint8_t *b) { return word16(b) | (uint32_t)b[2] << 16; }
static void put24(uint8_t *b, uint32_t v) { put16(b, v); b[2] = (uint8_t)(v >> 16); }
static double down4(double address) { return address - (low32(address) & 3); }

double form_read(enum form form, const uint8_t *bytes, int at, double address, int partner) {
  const uint8_t *b = bytes + at, *second = bytes + partner;
  int32_t high;
  uint32_t w, v;
  switch (form) {
    case POINTER_32: return word32(b);
    case POINTER_64:
      high = (int32_t)word32(b + 4);
      return high > 0x1fffff || high < -0x1fffff ? NAN : high * 4294967296.0 + word32(b);
    case RELATIVE_32: case SEGMENT_32: case IMAGE_32: case FDE_CODE: return address + (int32_t)word32(b);
    case FDE_COMMON: return address - (int32_t)word32(b);
    case SYMBOL: return SYMBOL_AT + (int32_t)word32(b);
    case ADDEND: return ADDEND_AT + (int32_t)word32(second) * 268435456.0 + (int32_t)word32(b) % 134217728;
    case BTF_TYPE: return TYPE_AT + word32(b);
    case BTF_NAME: return NAME_AT + word32(b);
    case THUMB_25:
      w = word16(b), v = word16(b + 2);
      if (!thumb_is_25(w, v)) return NAN;
      uint32_t sign = w >> 10 & 1, i1 = ~(v >> 13 ^ sign) & 1, i2 = ~(v >> 11 ^ sign) & 1;
      return thumb_base(address, v) + field(sign << 24 | i1 << 23 | i2 << 22 | (w & 0x3ff) << 12 | (v & 0x7ff) << 1, 0, 25);
    case THUMB_21:
      w = word16(b), v = word16(b + 2);
      if (!thumb_is_21(w, v)) return NAN;
      return address + 4 + field((w >> 10 & 1) << 20 | (v >> 11 & 1) << 19 | (v >> 13 & 1) << 18 | (w & 0x3f) << 12 | (v & 0x7ff) << 1, 0, 21);
    case THUMB_MOVE:
      if (!thumb_is_move(word16(b), word16(b + 2), 0xf240) || !thumb_is_move(word16(second), word16(second + 2), 0xf2c0)) return NAN;
      return thumb_immediate(second) * 65536.0 + thumb_immediate(b);
    case ARM_BRANCH:
      w = word32(b);
      return is_arm_branch(w) ? address + 8 + field(w, 0, 24) * 4 + (is_arm_blx(w) ? (int32_t)(w >> 23 & 2) : 0) : NAN;
    case ARM_MOVE:
      w = word32(b), v = word32(second);
      if ((w & 0x0ff00000) != 0x03000000 || (v & 0x0ff00000) != 0x03400000) return NAN;
      return arm_immediate(v) * 65536.0 + arm_immediate(w);
    case A64_B: case A64_BCOND: case A64_CB: case A64_TB: case A64_LITERAL:
      w = word32(b);
      if ((w & A64[form - A64_B].mask) != A64[form - A64_B].pattern) return NAN;
      return address + field(w, A64[form - A64_B].at, A64[form - A64_B].bits) * 4.0;
    case A64_ADR:
      w = word32(b);
      return (w & 0x9f000000) == 0x10000000 ? address + a64_immediate(w) : NAN;
    case A64_ADRP: return read_adrp(bytes, at, address);
    case A64_OFFSET: return read_offset(bytes, at, address, partner);
    case A64_PAIR: return read_offset(bytes, partner, address + (partner - at), at);
    case RV_JAL:
      w = word32(b);
      if ((w & 0x7f) != 0x6f) return NAN;
      return address + field(w >> 31 << 20 | (w & 0xff000) | (w >> 9 & 0x800) | (w >> 20 & 0x7fe), 0, 21);
    case RV_BRANCH:
      w = word32(b);
      if ((w & 0x7f) != 0x63) return NAN;
      return address + field(w >> 31 << 12 | (w << 4 & 0x800) | (w >> 20 & 0x7e0) | (w >> 7 & 0x1e), 0, 13);
    case RV_CJ:
      w = word16(b);
      if ((w & 0xe003) != 0xa001) return NAN;
      v = (w >> 2 & 0xe) | (w >> 7 & 0x10) | (w << 3 & 0x20) | (w >> 1 & 0x40) | (w << 1 & 0x80) | (w >> 1 & 0x300);
      return address + field((w >> 12 & 1) << 11 | v | (w << 2 & 0x400), 0, 12);
    case RV_LOW: return read_low(bytes, at, address, partner);
    case AUIPC_PAIR: case LUI_PAIR: return read_low(bytes, partner, address + (partner - at), at);
    case X86_0: case X86_1: case X86_2: case X86_4:
      return address + 4 + (form == X86_4 ? 4 : (int)form - X86_0) + (int32_t)word32(b);
    case X86_ABSOLUTE: return (int32_t)word32(b);
    case XT_CALL: return down4(address) + 4 + field(word24(b), 6, 18) * 4;
    case XT_JUMP: return address + 4 + field(word24(b), 6, 18);
    case XT_LITERAL: return down4(address + 3) + ((int32_t)(word24(b) >> 8) - 0x10000) * 4;
  }
  return NAN;
}

void form_write(enum form form, uint8_t *bytes, int at, double address, double target, int partner) {
  uint8_t *b = bytes + at, *second = bytes + partner;
  uint32_t t = (uint32_t)low32(target), d = (uint32_t)low32(target - address), w, v, mask;
  switch (form) {
    case POINTER_32: case X86_ABSOLUTE: put32(b, t); break;
    case POINTER_64: put32(b, t), put32(b + 4, (uint32_t)low32(floor(target / 4294967296.0))); break;
    case RELATIVE_32: case SEGMENT_32: case IMAGE_32: case FDE_CODE: put32(b, d); break;
    case FDE_COMMON: put32(b, 0u - d); break;
    case SYMBOL: put32(b, (uint32_t)low32(target - SYMBOL_AT)); break;
    case ADDEND: put32(b, (uint32_t)field(t, 0, 28)); break;
    case BTF_TYPE: put32(b, (uint32_t)low32(target - TYPE_AT)); break;
    case BTF_NAME: put32(b, (uint32_t)low32(target - NAME_AT)); break;
    case THUMB_25:
      v = word16(b + 2), d = (uint32_t)low32(target - thumb_base(address, v)), w = d >> 24 & 1;
      put16(b, 0xf000 | w << 10 | (d >> 12 & 0x3ff));
      put16(b + 2, (v & 0xd000) | (~(d >> 23 ^ w) & 1) << 13 | (~(d >> 22 ^ w) & 1) << 11 | (d >> 1 & 0x7ff));
      break;
    case THUMB_21:
      d -= 4;
      put16(b, (word16(b) & 0xfbc0) | (d >> 20 & 1) << 10 | (d >> 12 & 0x3f));
      put16(b + 2, 0x8000 | (d >> 18 & 1) << 13 | (d >> 19 & 1) << 11 | (d >> 1 & 0x7ff));
      break;
    case THUMB_MOVE: thumb_put_immediate(b, t & 0xffff), thumb_put_immediate(second, t >> 16); break;
    case ARM_BRANCH:
      w = word32(b), d -= 8;
      put32(b, (is_arm_blx(w) ? (w & 0xfe000000) | (d & 2) << 23 : w & 0xff000000) | (d >> 2 & 0xffffff));
      break;
    case ARM_MOVE:
      put32(b, arm_with_immediate(word32(b), t)), put32(second, arm_with_immediate(word32(second), t >> 16));
      break;
    case A64_B: case A64_BCOND: case A64_CB: case A64_TB: case A64_LITERAL:
      mask = ((1u << A64[form - A64_B].bits) - 1) << A64[form - A64_B].at;
      put32(b, (word32(b) & ~mask) | (d >> 2 << A64[form - A64_B].at & mask));
      break;
    case A64_ADR: put32(b, a64_with_immediate(word32(b), d)); break;
    case A64_ADRP: write_adrp(b, address, target); break;
    case A64_OFFSET: write_offset(b, target); break;
    case A64_PAIR: write_adrp(b, address, target), write_offset(second, target); break;
    case RV_JAL:
      put32(b, (word32(b) & 0xfff) | (d & 0x100000) << 11 | (d & 0x7fe) << 20 | (d & 0x800) << 9 | (d & 0xff000));
      break;
    case RV_BRANCH:
      w = (d & 0x1000) << 19 | (d & 0x7e0) << 20 | (d & 0x1e) << 7 | (d & 0x800) >> 4;
      put32(b, (word32(b) & 0x01fff07f) | w);
      break;
    case RV_CJ:
      w = (d & 0xe) << 2 | (d & 0x10) << 7 | (d & 0x20) >> 3 | (d & 0x40) << 1;
      w |= (d & 0x80) >> 1 | (d & 0x300) << 1 | (d & 0x400) >> 2 | (d & 0x800) << 1;
      put16(b, (word16(b) & 0xe003) | w);
      break;
    case RV_LOW: write_low(bytes, at, address, target, partner); break;
    case AUIPC_PAIR: case LUI_PAIR:
      w = word32(b), v = (uint32_t)low32(target - rv_origin(w, address));
      put32(b, (w & 0xfff) | ((v + 0x800) & ~0xfffu));
      write_low(bytes, partner, address + (partner - at), target, at);
      break;
    case X86_0: case X86_1: case X86_2: case X86_4: put32(b, d - 4 - (form == X86_4 ? 4 : (uint32_t)form - X86_0)); break;
    case XT_CALL: put24(b, (word24(b) & 0x3f) | (uint32_t)low32((target - down4(address) - 4) / 4) << 6); break;
    case XT_JUMP: put24(b, (word24(b) & 0x3f) | (d - 4) << 6); break;
    case XT_LITERAL: put24(b, (word24(b) & 0xff) | (uint32_t)low32((target - down4(address + 3)) / 4) << 8); break;
  }
}

/* docs/delta-format.md, "What each mode looks at": where references are looked for. */
#include "applier.h"

static int align(int from, double address, int to) { return from + (int)((0u - (uint32_t)low32(address)) & (uint32_t)(to - 1)); }

static void words(enum form form, const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 4); at + 4 <= to; at += 4) if (word32(b + at) != 0) visit(form, at, at);
}

static void pointers_64(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 8); at + 8 <= to; at += 8) {
    if (word32(b + at) != 0 || word32(b + at + 4) != 0) visit(POINTER_64, at, at);
  }
}

static void riscv_pointers(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 4); at + 4 <= to; at += 4) {
    if (word32(b + at) == 0) continue;
    bool wide = ((low32(address) + at - from) & 7) == 0 && at + 8 <= to;
    if (wide && visit(POINTER_64, at, at)) at += 4;
    else visit(POINTER_32, at, at);
  }
}

static void thumb(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 2); at + 2 <= to; at += 2) {
    uint32_t first = word16(b + at);
    if (at + 4 > to) continue;
    if (((low32(address) + at - from) & 3) == 0 && word32(b + at) != 0) visit(POINTER_32, at, at);
    uint32_t second = word16(b + at + 2);
    if (thumb_is_move(first, second, 0xf240)) {
      for (int next = at + 4; next + 4 <= to && next <= at + 16; next += 2) {
        uint32_t other = word16(b + next + 2);
        if (!thumb_is_move(word16(b + next), other, 0xf2c0) || ((other ^ second) & 0x0f00) != 0) continue;
        visit(THUMB_MOVE, at, next);
        break;
      }
    } else if (thumb_is_25(first, second)) {
      if (visit(THUMB_25, at, at)) at += 2;
    } else if (thumb_is_21(first, second)) {
      if (visit(THUMB_21, at, at)) at += 2;
    }
  }
}

static bool arm_pair(const uint8_t *b, int at, int to, uint32_t low) {
  for (int next = at + 4; next + 4 <= to && next <= at + 32; next += 4) {
    uint32_t word = word32(b + next);
    if ((word & 0x0ff00000) == 0x03400000 && ((word ^ low) & 0xf000) == 0) return visit(ARM_MOVE, at, next);
  }
  return false;
}

static void arm(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 4); at + 4 <= to; at += 4) {
    uint32_t word = word32(b + at);
    if (word == 0) continue;
    if ((word & 0x0e000000) == 0x0a000000 && visit(ARM_BRANCH, at, at)) continue;
    if ((word & 0x0ff00000) == 0x03000000 && arm_pair(b, at, to, word)) continue;
    visit(POINTER_32, at, at);
  }
}

static void a64_pair(const uint8_t *b, int at, int to, uint32_t adrp) {
  bool paired = false;
  for (int next = at + 4; next + 4 <= to && next <= at + 48; next += 4) {
    uint32_t word = word32(b + next);
    if ((word >> 5 & 31) == (adrp & 31) && a64_scale(word) >= 0) {
      if (paired) visit(A64_OFFSET, next, at);
      else paired = visit(A64_PAIR, at, next);
    }
    if ((word & 31) == (adrp & 31) && (word & 0x9f000000) == 0x90000000) break;
  }
  if (!paired) visit(A64_ADRP, at, at);
}

static void aarch64(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 4); at + 4 <= to; at += 4) {
    uint32_t word = word32(b + at);
    if ((word & 0x7c000000) == 0x14000000) visit(A64_B, at, at);
    else if ((word & 0x9f000000) == 0x10000000) visit(A64_ADR, at, at);
    else if ((word & 0x9f000000) == 0x90000000) a64_pair(b, at, to, word);
    else if ((word & 0x3b000000) == 0x18000000) visit(A64_LITERAL, at, at);
    else if ((word & 0x7e000000) == 0x34000000) visit(A64_CB, at, at);
    else if ((word & 0x7e000000) == 0x36000000) visit(A64_TB, at, at);
    else if ((word & 0xff000000) == 0x54000000) visit(A64_BCOND, at, at);
  }
}

static void riscv_pairs(const uint8_t *b, int at, int to, uint32_t upper) {
  uint32_t reg = upper >> 7 & 31;
  enum form form = (upper & 0x7f) == 0x17 ? AUIPC_PAIR : LUI_PAIR;
  bool paired = false;
  for (int next = at + 4; next + 4 <= to && next <= at + 32;) {
    uint32_t word = word32(b + next);
    if ((word & 3) != 3) {
      next += 2;
      continue;
    }
    if ((word >> 15 & 31) == reg && rv_low_format(word) != 0) {
      if (!paired) paired = visit(form, at, next);
      else visit(RV_LOW, next, at);
    }
    if ((word >> 7 & 31) == reg && rv_low_format(word) != 'S') return;
    next += 4;
  }
}

static void riscv(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 2); at + 2 <= to;) {
    uint32_t half = word16(b + at), opcode = half & 0x7f;
    if ((half & 3) != 3) {
      if ((half & 0xe003) == 0xa001) visit(RV_CJ, at, at);
      at += 2;
      continue;
    }
    if (at + 4 > to) return;
    if (opcode == 0x6f) visit(RV_JAL, at, at);
    else if (opcode == 0x63) visit(RV_BRANCH, at, at);
    else if (opcode == 0x17 || opcode == 0x37) riscv_pairs(b, at, to, half);
    at += 4;
  }
}

static void xtensa(const uint8_t *b, int from, int to, double address) {
  int instruction = from;
  for (int at = from; at < to; at++) {
    if (((low32(address) + at - from) & 3) == 0 && at + 4 <= to) {
      bool entry = b[at] == 0x36 ? (b[at + 1] & 15) == 1 : b[at] == 0x12 && b[at + 1] == 0xc1 && b[at + 2] >= 0x80;
      if (entry) instruction = at;
      else if (visit(POINTER_32, at, at)) {
        at += 3;
        instruction = at + 1;
        continue;
      }
    }
    if (at < instruction) continue;
    instruction = at + ((b[at] & 15) >= 8 ? 2 : 3);
    if (instruction > to) return;
    if ((b[at] & 15) == 5) visit(XT_CALL, at, at);
    else if ((b[at] & 15) == 1) visit(XT_LITERAL, at, at);
    else if ((b[at] & 63) == 6) visit(XT_JUMP, at, at);
  }
}

static void relocations(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 8) + 8; at + 16 <= to; at += 8) {
    int32_t type = (int32_t)word32(b + at), symbol = (int32_t)word32(b + at + 4);
    if (type <= 0 || type >= 2048 || symbol <= 0 || symbol >= 1 << 20) continue;
    visit(POINTER_64, at - 8, at - 8);
    visit(SYMBOL, at + 4, at + 4);
    visit(ADDEND, at + 8, at + 4);
    at += 16;
  }
}

static void unwind(const uint8_t *b, int from, int to, double address) {
  for (int at = align(from, address, 4); at + 12 <= to; at += 4) {
    int32_t length = (int32_t)word32(b + at), back = (int32_t)word32(b + at + 4);
    if (length < 8 || length > 4096 || (length & 3) != 0 || back < 8 || (back & 3) != 0) continue;
    int next = at + 4 + length;
    if (next + 8 <= to && (int32_t)word32(b + next + 4) != (int64_t)back + length + 4) continue;
    visit(FDE_COMMON, at + 4, at + 4);
    visit(FDE_CODE, at + 8, at + 8);
  }
}

void find_x86(const uint8_t *b, int from, int to, double address);
void find_btf(const uint8_t *b, int from, int to, double address);

void find_references(int machine, int mode, const uint8_t *b, int from, int to, double address) {
  typedef void finder(const uint8_t *b, int from, int to, double address);
  static finder *const CODE[] = {0, thumb, arm, aarch64, find_x86, riscv, xtensa};
  switch (mode) {
    case 1: if (machine != 0) CODE[machine](b, from, to, address); break;
    case 2:
      if (machine == 3 || machine == 4) pointers_64(b, from, to, address);
      else if (machine == 5) riscv_pointers(b, from, to, address);
      else words(POINTER_32, b, from, to, address);
      break;
    case 3: words(RELATIVE_32, b, from, to, address); break;
    case 4: relocations(b, from, to, address); break;
    case 5: words(SEGMENT_32, b, from, to, address); break;
    case 6: unwind(b, from, to, address); break;
    case 7: words(IMAGE_32, b, from, to, address); break;
    case 8: find_btf(b, from, to, address); break;
    default: break;
  }
}

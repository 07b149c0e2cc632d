/* An applier of otad patches, written from docs/delta-format.md. */
#ifndef APPLIER_H
#define APPLIER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTEXT = 64, BLOCK_MOST = 4096, AROUND_MOST = BLOCK_MOST + 2 * CONTEXT };

/* A patch that breaks a rule: nothing is returned to. */
_Noreturn void refuse(const char *why);
/* Zeroed memory; refuses when there is none. */
void *take(size_t count, size_t size);
/* The next byte of the patch, or -1. */
int patch_byte(void);

/* SHA-256 (FIPS 180-4): its first eight bytes. */
void hash_of(const uint8_t *bytes, size_t size, uint8_t first[8]);

/* Raw LZMA1. */
void lzma_start(uint64_t decoded);
void lzma_read(uint8_t *into, size_t size);
void lzma_end(void);

/* The mixing coder. */
struct cover_step { uint64_t gap, length; int64_t shift; };
void mix_start(int table_bits);
uint64_t mix_field(void);
struct cover_step mix_cover(void);
int mix_mode(uint32_t length);
void mix_differences(uint8_t *bytes, uint32_t size, uint32_t position, const uint8_t *old, int mode);
void mix_extra(uint8_t *bytes, uint32_t size, uint32_t position);
void mix_end(void);
/* Decisions that the models make; see "Mixer". */
struct mixer {
  int contexts, opinions;
  int32_t *weights, *curves;
  uint32_t places[6];
  int32_t opinion;
};
void mixer_make(struct mixer *m, int contexts, int opinions, int sets, int curves);
int mixer_decide(struct mixer *m, int node, int set, int curve);
void mixer_start(int table_bits);
void mixer_end(void);
uint32_t mixer_cell(uint32_t hash);
uint32_t mixer_tree(uint32_t hash);
uint32_t mixer_hash(uint32_t a, uint32_t b);
int32_t mixer_stretch(uint32_t probability);
uint32_t mixer_learned(uint32_t counter, int bit, uint32_t most);
/* What the models know of bytes that were made. */
extern int32_t history_expected;
extern int history_agreed;
void history_start(int bits);
void history_add(uint8_t byte);
void history_skip(const uint8_t *bytes, uint32_t size);
uint32_t history_back(uint32_t distance);
struct byte_model {
  struct mixer mixer;
  int sets;
  uint32_t contexts[6], trust[256];
};
void byte_model_make(struct byte_model *m, int contexts, int sets);
int byte_model_decode(struct byte_model *m, int expected, int agreed, int set);

/* Images and how they go together. */
struct segment { uint32_t at, size; double address; int32_t unit; };
struct cover { uint32_t new_at, old_at, length; };
struct images {
  int machine; /* 0 none, 1 Thumb, 2 ARM, 3 AArch64, 4 x86-64, 5 RISC-V, 6 Xtensa */
  uint32_t segment_count[2]; /* of the old image, of the new one */
  struct segment *segments[2];
  uint32_t cover_count;
  struct cover *covers;
};

/* Prediction. Addresses are doubles, since the document has them so; NAN is "none". */
void predict_start(const struct images *images);
void predict_forget(void);
/* around: the old bytes of the block with `before` bytes before it, `size` in all. */
const uint8_t *predict(int mode, const uint8_t *around, uint32_t size, uint32_t before, uint32_t length,
                       uint32_t old_at, uint32_t new_at);
void predict_learn(int mode, const uint8_t *around, uint32_t size, uint32_t before, const uint8_t *actual,
                   uint32_t length, uint32_t old_at, uint32_t new_at);

/* Where the bytes of the old image went. */
void positions_start(const struct images *images);
int64_t position_of(int64_t old_at);

/* Learned targets. */
double learned_correct(double target, int32_t unit, double mapped);
void learned_learn(double target, int32_t unit, double mapped, double actual);
void learned_forget(void);

/* Forms of references. */
enum form {
  POINTER_32, POINTER_64, RELATIVE_32, SEGMENT_32, IMAGE_32, /* not certain */
  THUMB_MOVE, ARM_MOVE, LUI_PAIR, X86_0, X86_1, X86_2, X86_4, X86_ABSOLUTE,
  CERTAIN, /* those from here on are */
  THUMB_25 = CERTAIN, THUMB_21, ARM_BRANCH,
  A64_B, A64_BCOND, A64_CB, A64_TB, A64_LITERAL, A64_ADR, A64_ADRP, A64_OFFSET, A64_PAIR,
  RV_JAL, RV_BRANCH, RV_CJ, RV_LOW, AUIPC_PAIR, XT_CALL, XT_JUMP, XT_LITERAL,
  SYMBOL, ADDEND, FDE_CODE, FDE_COMMON, BTF_TYPE, BTF_NAME,
};
int form_bytes(enum form form);
double form_read(enum form form, const uint8_t *bytes, int at, double address, int partner);
void form_write(enum form form, uint8_t *bytes, int at, double address, double target, int partner);
int a64_scale(uint32_t word);
int rv_low_format(uint32_t word);
bool thumb_is_25(uint32_t first, uint32_t second);
bool thumb_is_21(uint32_t first, uint32_t second);
bool thumb_is_move(uint32_t first, uint32_t second, uint32_t pattern);

/* Looks for references of a mode; calls visit for each. */
void find_references(int machine, int mode, const uint8_t *bytes, int from, int to, double address);
bool visit(enum form form, int at, int partner);

/* Modulo 2^32, cut towards zero. */
static inline int32_t low32(double value) { return value != value ? 0 : (int32_t)(uint32_t)(int64_t)value; }
static inline uint32_t word16(const uint8_t *b) { return (uint32_t)b[0] | (uint32_t)b[1] << 8; }
static inline uint32_t word32(const uint8_t *b) { return word16(b) | word16(b + 2) << 16; }
static inline void put16(uint8_t *b, uint32_t v) { b[0] = (uint8_t)v; b[1] = (uint8_t)(v >> 8); }
static inline void put32(uint8_t *b, uint32_t v) { put16(b, v); put16(b + 2, v >> 16); }
/* The field of `bits` bits of a word from bit `from` on, with its sign. */
static inline int32_t field(uint32_t word, int from, int bits) {
  uint32_t value = word >> from & ((bits == 32 ? 0 : 1u << bits) - 1u), sign = 1u << (bits - 1);
  return (int32_t)((value ^ sign) - sign);
}
#endif

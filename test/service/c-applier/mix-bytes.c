/* docs/delta-format.md, "The mixing coder": the history, and bytes. */
#include "applier.h"
#define H mixer_hash

static uint8_t *history;
static int32_t *history_places;
static uint32_t history_mask;
static int64_t history_end, match = -1;
int32_t history_expected = -1;
int history_agreed;

void history_start(int bits) {
  history = take((size_t)1 << bits, 1);
  history_mask = (1u << bits) - 1;
  history_places = take(1 << 16, sizeof *history_places);
  for (int i = 0; i < 1 << 16; i++) history_places[i] = -1;
}

uint32_t history_back(uint32_t distance) { return history[(uint32_t)(history_end - distance) & history_mask]; }

static void history_expect(void) {
  history_expected = match < 0 ? -1 : history[match & history_mask];
  if (match < 0) history_agreed = 0;
}

void history_skip(const uint8_t *bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) history[history_end++ & history_mask] = bytes[i];
  match = -1;
  history_expect();
}

static void history_try(int64_t place) {
  if (place < 0 || history_end - place > (int64_t)history_mask - 32) return;
  int length = 0;
  while (length < 32 && place > length && history[(place - 1 - length) & history_mask] == history_back((uint32_t)length + 1)) length++;
  if (length < 5) return;
  match = place;
  history_agreed = length < 31 ? length : 31;
}

void history_add(uint8_t byte) {
  bool agrees = match >= 0 && history[match & history_mask] == byte;
  history[history_end++ & history_mask] = byte;
  if (!agrees) match = -1;
  else {
    match++;
    if (history_agreed < 31) history_agreed++;
  }
  if (history_end >= 5) {
    uint32_t last = history_back(1) | history_back(2) << 8 | history_back(3) << 16 | history_back(4) << 24;
    int32_t *place = &history_places[H(last, history_back(5)) >> 16];
    if (match < 0) history_try(*place);
    *place = (int32_t)history_end;
  }
  history_expect();
}

void byte_model_make(struct byte_model *m, int contexts, int sets) {
  mixer_make(&m->mixer, contexts, 1, 2 * sets, 512);
  m->sets = sets;
  for (int i = 0; i < 256; i++) m->trust[i] = 1u << 31;
}

int byte_model_decode(struct byte_model *m, int expected, int agreed, int set) {
  int partial = 1;
  for (int place = 7; place >= 0; place--) {
    if (place == 7 || place == 3) {
      for (int i = 0; i < m->mixer.contexts; i++) m->mixer.places[i] = mixer_tree(H(m->contexts[i], (uint32_t)partial));
    }
    int top = 1 << (3 - (place & 3)), node = (partial & (top - 1)) | top;
    bool live = expected >= 0 && (expected | 256) >> (place + 1) == partial;
    int wanted = expected >> place & 1;
    uint32_t *trust = &m->trust[agreed * 8 + place];
    int32_t strength = mixer_stretch(*trust >> 20);
    m->mixer.opinion = !live ? 0 : wanted ? strength : -strength;
    int bit = mixer_decide(&m->mixer, node, live ? set + m->sets : set, live ? partial + 256 : partial);
    if (live) *trust = mixer_learned(*trust, bit == wanted, 255);
    partial = partial * 2 + bit;
  }
  return partial & 255;
}

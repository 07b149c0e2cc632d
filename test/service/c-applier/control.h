/* What the header and the control section of a patch say. */
#ifndef CONTROL_H
#define CONTROL_H
#include "applier.h"

enum { NONE, BROTLI, LZMA, MIX };
struct stash_range { uint32_t at, size, saved_at; };
extern struct stash_range *stash_ranges;
extern uint32_t stash_count, stash_bytes, base_size, target_size;
extern int coder, in_place;
extern struct images images;

/* A number of the control section. */
uint64_t number(uint64_t most);
void read_segments(int image, uint32_t size);
/* The numbers of the chunks in the order in which they are made. */
uint32_t *read_order(uint32_t chunks);
void read_stash(void);
void read_covers(void);
#endif

/* docs/delta-format.md, "Position map": the old image as intervals that move as one. */
#include "applier.h"
#include <stdlib.h>

static struct { int64_t start; int64_t shift; } *intervals;
static uint32_t count;
static const struct cover *covers;

static void add(int64_t start, int64_t shift) {
  if (count > 0 && intervals[count - 1].shift == shift) return;
  intervals[count].start = start;
  intervals[count++].shift = shift;
}

static int by_old_place(const void *a, const void *b) {
  uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
  if (covers[i].old_at != covers[j].old_at) return covers[i].old_at < covers[j].old_at ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* Whether cover i claims a byte before cover j does. */
static bool above(uint32_t i, uint32_t j) {
  return covers[i].length != covers[j].length ? covers[i].length > covers[j].length : i < j;
}

static void push(uint32_t *heap, uint32_t size, uint32_t cover) {
  uint32_t at = size;
  for (; at > 0 && above(cover, heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = cover;
}

static void pop(uint32_t *heap, uint32_t size) {
  uint32_t cover = heap[size], at = 0;
  for (uint32_t child = 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && above(heap[child + 1], heap[child])) child++;
    if (!above(heap[child], cover)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = cover;
}

static int64_t end_of(uint32_t cover) { return (int64_t)covers[cover].old_at + covers[cover].length; }
static int64_t shift_of(uint32_t cover) { return (int64_t)covers[cover].new_at - covers[cover].old_at; }

/* Sweeps over the old image with the covers that reach the present place in a heap, the one that claims it on top. */
void positions_start(const struct images *images) {
  uint32_t n = images->cover_count, size = 0, *order = take(n + 1u, sizeof *order), *heap = take(n + 1u, sizeof *heap);
  covers = images->covers;
  intervals = take(4 * (size_t)n + 1, sizeof *intervals);
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  qsort(order, n, sizeof *order, by_old_place);
  int64_t end = 0, at = 0;
  for (uint32_t next = 0; next < n || size > 0;) {
    while (size > 0 && end_of(heap[0]) <= at) pop(heap, --size);
    bool gap = size == 0;
    if (gap) {
      if (next == n) break;
      at = covers[order[next]].old_at;
    }
    while (next < n && covers[order[next]].old_at <= at) push(heap, size++, order[next++]);
    int64_t shift = shift_of(heap[0]);
    if (gap && count > 0 && at > end) add(end + (at - end) / 2, shift);
    else if (count == 0) add(0, shift);
    add(at, shift);
    int64_t claimed = end_of(heap[0]);
    at = next < n && covers[order[next]].old_at < claimed ? covers[order[next]].old_at : claimed;
    end = at;
  }
  free(order);
  free(heap);
}

int64_t position_of(int64_t old_at) {
  uint32_t low = 0, high = count;
  if (count == 0) return old_at;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (intervals[middle].start <= old_at) low = middle;
    else high = middle;
  }
  return old_at + intervals[low].shift;
}

// The ceiling: a table in memory and nothing that outlives the process.

const LINE_IDS = 256;

export async function open({ windowKeys, keys }) {
  const slots = 2 ** Math.ceil(Math.log2(Math.min(windowKeys, keys) * 1.5));
  const table = new Uint32Array(slots * 4);
  let touched = 0;
  return {
    judge({ keys: ids, expected }, verdicts) {
      const count = expected.length;
      for (let from = 0; from < count; from += LINE_IDS) {
        const to = Math.min(from + LINE_IDS, count);
        // Asks memory for all lines before the first is needed.
        for (let at = from; at < to; at++) touched ^= table[(ids[at * 4] & (slots - 1)) * 4];
        for (let at = from; at < to; at++) verdicts[at] = seenOrInserted(ids, at * 4);
      }
    },
    facts: () => ({ touched }),
    async close() {},
  };

  function seenOrInserted(ids, at) {
    const [a, b, c, d] = [ids[at], ids[at + 1], ids[at + 2], ids[at + 3]];
    for (let slot = a & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const base = slot * 4;
      if (table[base] === a && table[base + 1] === b && table[base + 2] === c && table[base + 3] === d) return 1;
      if ((table[base] | table[base + 1] | table[base + 2] | table[base + 3]) === 0) {
        table[base] = a;
        table[base + 1] = b;
        table[base + 2] = c;
        table[base + 3] = d;
        return 0;
      }
    }
  }
}

import { describe, expect, test } from 'vitest';
import { type Program, REAL, surviveEveryCrash } from '../lib/pipeline/crash-fixture.js';
import { type Edit, mutantModule } from '../support/mutant-source.js';

const PIPELINE = 'pipeline/run-pipeline.ts';
const SINK = 'telemetry/file-sink.ts';

/** Mistakes that lose or repeat messages only when something dies at the wrong moment. */
const MISTAKES: readonly { readonly what: string; readonly edits: readonly Edit[] }[] = [
  {
    what: 'commits ids before their messages are durable',
    edits: [
      {
        file: 'pipeline/pipeline-run.ts',
        from: '    const output = await bothOf(',
        to: '    await store.commit({ data: encodeCheckpoint(this.#checkpoint) });\n    const output = await bothOf(',
      },
    ],
  },
  {
    what: 'acknowledges before anything is durable',
    edits: [
      {
        file: 'pipeline/pipeline-run.ts',
        from: '    const output = await bothOf(',
        to: '    if (position !== undefined) await batch.source.committed(position);\n    const output = await bothOf(',
      },
    ],
  },
  {
    what: 'does not learn the ids of the tail of the output',
    edits: [
      {
        file: 'pipeline/recover.ts',
        from: 'const verdicts = judge(store, part.decoded);',
        to: 'const verdicts = new Uint8Array(part.decoded.count);',
      },
    ],
  },
  {
    what: 'commits no checkpoint before the first message',
    edits: [
      {
        file: 'pipeline/recover.ts',
        from: '  await store.commit({ data: encodeCheckpoint(checkpoint) });\n  const standing',
        to: '  const standing',
      },
    ],
  },
  {
    what: 'goes on from the highest checkpoint of all partitions',
    edits: [
      {
        file: 'pipeline/recover.ts',
        from: 'const low = lowest(checkpoints);',
        to: 'const low = highest(checkpoints);',
      },
    ],
  },
  {
    what: 'looks for no torn write before the end of the output',
    edits: [{ file: 'pipeline/output-tail.ts', from: '16 * 1024 * 1024', to: '0' }],
  },
  {
    what: 'cuts the tail off but forgets the lines behind the tear that were inserted',
    edits: [
      {
        file: 'pipeline/output-tail.ts',
        from: 'decoded: messagesBefore(decoded, tear.start)',
        to: 'decoded',
      },
    ],
  },
  {
    what: 'does not sync what an earlier process wrote',
    edits: [
      {
        file: SINK,
        from: '    await output.sync();\n    return await positionAt(output, output.size);',
        to: '    return await positionAt(output, output.size);',
      },
    ],
  },
  {
    what: 'does not sync the name of the output',
    edits: [{ file: SINK, from: '    await this.#fs.syncDirectory(dirname(this.#path));\n', to: '' }],
  },
  {
    what: 'leaves half a message at the end of the output',
    edits: [{ file: SINK, from: 'if (size < output.size) await output.truncate(size);', to: '' }],
  },
];

describe('the crashes find a pipeline that', () => {
  test.each(MISTAKES)('$what', async ({ edits }) => {
    const isSink = edits[0]!.file === SINK;
    const mutant = await import(mutantModule(isSink ? SINK : PIPELINE, edits));
    const program: Program = isSink ? { ...REAL, sink: mutant.fileSink } : { ...REAL, run: mutant.runPipeline };
    await expect(surviveEveryCrash(2, false, program)).rejects.toThrow();
  });
});

import fc from 'fast-check';

// The same random values on every machine; `npm run fuzz` goes on with other seeds.
fc.configureGlobal({ seed: Number(process.env.FUZZ_SEED ?? 1) });

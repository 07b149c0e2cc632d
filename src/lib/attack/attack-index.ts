import { type ErrorCode, EXIT_STATUS } from '../core/errors.js';
import type { AttackCase, CaseFile, Expectation } from './attack-case.js';
import { CATALOGUE } from './catalogue.js';

/** `index.json` of a corpus. */
export interface AttackIndex {
  spec: 'ota-fleet-attack/1';
  /** The package that everything was made from. */
  package: { digest: string; product: string; version: string };
  seed: string;
  /** By row and name. */
  cases: IndexedCase[];
}

export interface IndexedCase {
  row: number;
  name: string;
  /** The package, relative to the index. */
  file: string;
  change: string;
  attack: string;
  verify: IndexedRun;
  /** Absent where the base image was not at hand when the corpus was made. */
  apply?: IndexedRun;
}

/** One run of `ota` in the folder of the index, and what it must answer. */
export interface IndexedRun {
  /** `{out}` stands for a path that does not exist, and must not exist afterwards unless the status is 0. */
  arguments: string[];
  exitStatus: number;
  /** Absent where the status is 0. */
  code?: ErrorCode;
}

/** What the index says of a case. */
export function indexedCase(attack: AttackCase): IndexedCase {
  const { row, name, change, trust, base } = attack;
  const file = packageFileOf(attack);
  const common = [
    file,
    ...(trust.keys ?? []).flatMap(({ path }) => ['--key', path]),
    ...(trust.threshold === undefined ? [] : ['--threshold', String(trust.threshold)]),
    ...(trust.product === undefined ? [] : ['--product', trust.product]),
    ...(trust.root === undefined ? [] : ['--trust', trust.root.path]),
    '--allow-test-keys',
    ...(base === undefined ? [] : ['--base', base.path]),
  ];
  return {
    row,
    name,
    file,
    change,
    attack: CATALOGUE[row]!.attack,
    verify: run(['verify', ...common], attack.verify),
    ...(attack.apply === undefined ? {} : { apply: run(['apply', ...common, '--out', '{out}'], attack.apply) }),
  };
}

/** The files of a case, by their paths in the folder of the index. */
export function filesOf(attack: AttackCase): CaseFile[] {
  const { trust, base, bytes } = attack;
  return [
    { path: packageFileOf(attack), bytes },
    ...(trust.keys ?? []),
    ...[trust.root, base].filter((file) => file !== undefined),
  ];
}

function packageFileOf({ row, name }: AttackCase): string {
  return `${String(row).padStart(2, '0')}-${name}.ota`;
}

function run(args: string[], expected: Expectation): IndexedRun {
  if (expected === 'OK') return { arguments: args, exitStatus: 0 };
  return { arguments: args, exitStatus: EXIT_STATUS[expected], code: expected };
}

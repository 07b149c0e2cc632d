import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { RollbackAnswer, RollbackAnswerJson, RollbackCandidateJson } from '../wire/catalog.js';
import { refusalText } from './refusal-text.js';

/** `fleet catalog rollback` for people: the answer, then for every candidate the questions that decide. */
export function rollbackText(answer: RollbackAnswer): string {
  const { device, product, running, target, certain, candidates, assumed } = answer;
  const chosen = candidates.find(({ release }) => release.digest === target);
  const outcome =
    chosen === undefined
      ? certain
        ? 'would go back to nothing'
        : 'may go back to nothing: not all is known'
      : `would go back to ${chosen.release.version}${certain ? '' : ', unless a newer one below is possible after all'}`;
  return [
    escapeText(`${device}, a ${product} that runs ${running.version}: ${outcome}`),
    ...candidates.flatMap((candidate) => candidateLines(candidate, candidate === chosen)),
    ...(candidates.length === 0 ? ['  nothing older is known'] : []),
    ...(assumed.length === 0
      ? []
      : ['', `The device does not tell its ${assumed.join(', ')}: what the server knows was taken.`]),
  ].join('\n');
}

const MARK = { passed: '✓', refused: '✗', unknown: '?' } as const;

function candidateLines(candidate: RollbackCandidateJson, isChosen: boolean): string[] {
  const { release, inCatalogue, continuity, signature, counter, compatibility, storage } = candidate;
  const line = (name: string, { outcome, refusals }: RollbackAnswerJson, passed: string): string => {
    const why = refusals.map(refusalText).join('; ') || 'not known';
    return escapeText(`    ${MARK[outcome]} ${name}: ${outcome === 'passed' ? passed : why}`);
  };
  return [
    escapeText(
      `${isChosen ? '→ ' : '  '}${release.version} (${release.digest.slice(0, 12)})${inCatalogue ? '' : ', not in the catalogue'}`,
    ),
    line('continuity', continuity, 'it ran here, and what runs allows the way back'),
    line('signature', signature, "counts under today's trust root"),
    line('storage', storage, storageText(storage)),
    // Asked too, and seldom what decides.
    ...(counter.outcome === 'refused' ? [line('security counter', counter, '')] : []),
    ...(compatibility.outcome === 'refused' ? [line('compatibility', compatibility, '')] : []),
  ];
}

function storageText({ kept, fetched, download, slotsUnknown }: RollbackCandidateJson['storage']): string {
  if (download === undefined) return kept.length === 0 ? 'nothing is needed' : `${kept.join(', ')} still in a slot`;
  const files = fetched.map(({ file }) => file).join(', ');
  const where = slotsUnknown === true ? 'at most ' : '';
  return `${where}${formatByteSize(download.bytes)} to download: ${files}`;
}

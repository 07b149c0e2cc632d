import satisfies from 'semver/functions/satisfies.js';
import { type Metadata, targetsOf } from '../package/metadata.js';
import type { Release } from './release.js';

/** For a release, those that may open the way to it. */
export type StonesBefore = (release: Release) => readonly Release[];

/**
 * A release is worth installing on the way to a later one only if it brings the base of one of its deltas, or a
 * version of a component that it depends on: all else that it changes can but close a way.
 */
export function steppingStones(releases: readonly Release[]): StonesBefore {
  const bringing = new Map<string, Release[]>();
  for (const release of releases) {
    for (const [component, { sha256 }] of targetsOf(release.metadata)) {
      const key = imageKey(component, sha256);
      bringing.set(key, [...(bringing.get(key) ?? []), release]);
    }
  }
  return ({ metadata: { sequence, payloads, dependsOn = [] } }) => {
    const stones = payloads.flatMap(({ component, base }) =>
      base === undefined ? [] : (bringing.get(imageKey(component, base.sha256)) ?? []),
    );
    const needed = dependsOn.length === 0 ? [] : releases.filter(({ metadata }) => brings(metadata, dependsOn));
    return [...new Set([...stones, ...needed])].filter((stone) => stone.metadata.sequence < sequence);
  };
}

/** All stones on any way to a release, without itself. */
export function stonesTo(target: Release, before: StonesBefore): Release[] {
  const stones = new Set([target]);
  // The set grows while it is read.
  for (const release of stones) for (const stone of before(release)) stones.add(stone);
  stones.delete(target);
  return [...stones];
}

function brings(stone: Metadata, dependsOn: NonNullable<Metadata['dependsOn']>): boolean {
  const targets = targetsOf(stone);
  return dependsOn.some(({ component, range }) => {
    const version = targets.get(component)?.version;
    return version !== undefined && satisfies(version, range, { includePrerelease: true });
  });
}

function imageKey(component: string, sha256: string): string {
  return `${component} ${sha256}`;
}

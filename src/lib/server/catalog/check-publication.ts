import { type ChannelOrder, releasesIn } from '../../catalog/channel.js';
import type { Release } from '../../catalog/release.js';
import { newest } from '../../catalog/standing.js';
import { conflict, ServerFailure } from '../http/server-failure.js';

export interface PublicationRules {
  readonly order: ChannelOrder;
  /** A release may enter a channel below its newest: a stepping stone for old devices. */
  readonly allowsOlder: boolean;
}

/**
 * Judges whether a release may be published beside the others of its product. A channel is not its matter, see
 * {@link checkEntry}.
 *
 * @param published all of the product
 * @returns the release itself where it is published already
 * @throws ServerFailure 422 SEQUENCE_CONFLICT: devices that run the other release with its sequence would refuse it;
 *   409 it was withdrawn, was published with other payloads, or its version means another release
 */
export function checkPublication<R extends Release>(release: Release, published: readonly R[]): R | undefined {
  const { digest, metadata } = release;
  const known = published.find((other) => other.digest === digest);
  if (known !== undefined) {
    requireSameParts(release, known);
    return known;
  }
  const rivals = published.filter((other) => sharesDevices(release, other));
  const equal = rivals.find((other) => other.metadata.sequence === metadata.sequence);
  if (equal !== undefined) {
    throw new ServerFailure(
      422,
      'SEQUENCE_CONFLICT',
      `${nameOf(release)} is another release than ${nameOf(equal)} with the same sequence ${metadata.sequence}: devices that run one refuse the other`,
      { suggestions: [`Pack it with --sequence ${aboveAll(published)} or higher.`] },
    );
  }
  const namesake = rivals.find((other) => other.metadata.version === metadata.version);
  if (namesake === undefined) return undefined;
  throw conflict(
    `${metadata.product} ${metadata.version} is published already with the digest ${namesake.digest}, this package has ${digest}`,
    ['Give the new build a version of its own; `fleet catalog show` tells what is published.'],
  );
}

/**
 * Judges whether a release may enter a channel.
 *
 * @throws ServerFailure 404 there is no such channel; 409 it is withdrawn, or a newer one is there for the same devices
 */
export function checkEntry(
  release: Release,
  channel: string,
  published: readonly Release[],
  { order, allowsOlder }: PublicationRules,
): void {
  if (!order.includes(channel)) {
    throw new ServerFailure(404, 'NOT_FOUND', `there is no channel ${channel}`, {
      suggestions: [`There are ${order.join(', ')}; the setting catalog.channels names them.`],
    });
  }
  requireOffered(release);
  const rivals = releasesIn(published, channel, order).filter(
    (other) => other.yanked === undefined && other.digest !== release.digest && sharesDevices(release, other),
  );
  const head = newest(rivals);
  if (allowsOlder || head === undefined || head.metadata.sequence < release.metadata.sequence) return;
  throw conflict(
    `${nameOf(release)} has sequence ${release.metadata.sequence}, but ${channel} offers the same devices ${nameOf(head)} with ${head.metadata.sequence}`,
    ['Add --older if it is a step on the way of old devices; otherwise leave the channel out.'],
  );
}

/** @throws ServerFailure 409: it is withdrawn */
function requireOffered(release: Release): void {
  if (release.yanked === undefined) return;
  throw conflict(`${nameOf(release)} was withdrawn: ${release.yanked.reason}`, [
    `If it is sound after all, offer it again with \`fleet catalog yank ${release.digest.slice(0, 12)} --undo\`.`,
  ]);
}

/** A thin container of a release that is there brings nothing, unless it holds what that one lacked. */
function requireSameParts(release: Release, known: Release): void {
  requireOffered(known);
  const held = new Set(known.cuts.flatMap(({ files }) => files));
  const missing = release.cuts.flatMap(({ files }) => files).filter((file) => !held.has(file));
  if (missing.length === 0) return;
  throw conflict(
    `${nameOf(release)} was published without ${[...new Set(missing)].join(', ')}, and is not changed any more`,
    ['Publish the whole package first: the server cuts it for its devices.'],
  );
}

function sharesDevices(
  { metadata: { compatible: one } }: Release,
  { metadata: { compatible: other } }: Release,
): boolean {
  return overlap(one.models, other.models) && overlap(one.hardwareRevisions, other.hardwareRevisions);
}

/** Absent: all there are. */
function overlap(some: readonly string[] | undefined, others: readonly string[] | undefined): boolean {
  if (some === undefined || others === undefined) return true;
  const listed = new Set(others);
  return some.some((value) => listed.has(value));
}

function aboveAll(published: readonly Release[]): number {
  return Math.max(0, ...published.map(({ metadata }) => metadata.sequence)) + 1;
}

function nameOf({ metadata: { product, version }, digest }: Release): string {
  return `${product} ${version} (${digest.slice(0, 12)})`;
}

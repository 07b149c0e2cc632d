import type { BlockGraph } from './block-graph.js';
import { RankQueue } from './rank-queue.js';

/**
 * Orders blocks of which each can reach each other, so that few bytes are read too late.
 *
 * Again and again: a block whose place nobody still reads goes to the end, one that reads no other's to
 * the front; where there is neither, the block goes to the front that reads most more than is read from it.
 *
 * @see Eades, Lin, Smyth: A fast and effective heuristic for the feedback arc set problem, 1993; here by weight
 */
export function breakCycles(graph: BlockGraph, component: readonly number[]): number[] {
  const members = component.slice().sort((a, b) => a - b);
  const place = new Map(members.map((block, i) => [block, i]));
  const reads = new Float64Array(members.length); // bytes that a block still reads from others' places
  const isRead = new Float64Array(members.length); // bytes that others still read from its place
  const neighbours: { other: number; bytes: number; reader: boolean }[][] = members.map(() => []);
  for (const [i, block] of members.entries()) {
    for (let edge = graph.firstEdge[block]!; edge < graph.firstEdge[block + 1]!; edge++) {
      const j = place.get(graph.target[edge]!);
      if (j === undefined) continue;
      const bytes = graph.bytes[edge]!;
      reads[i]! += bytes;
      isRead[j]! += bytes;
      neighbours[i]!.push({ other: j, bytes, reader: true });
      neighbours[j]!.push({ other: i, bytes, reader: false });
    }
  }

  const queue = new RankQueue(members.length);
  const front: number[] = [];
  const back: number[] = [];
  const rank = (i: number) => (isRead[i] === 0 ? Number.POSITIVE_INFINITY : reads[i]! - isRead[i]!);
  for (let i = 0; i < members.length; i++) queue.set(i, reads[i] === 0 ? Number.POSITIVE_INFINITY : rank(i));
  for (let i = queue.take(); i !== undefined; i = queue.take()) {
    // a reader must come before whom it reads from; one that reads nothing can wait to the end
    if (reads[i] === 0 && isRead[i] !== 0) back.push(members[i]!);
    else front.push(members[i]!);
    for (const { other, bytes, reader } of neighbours[i]!) {
      if (!queue.has(other)) continue;
      if (reader) isRead[other]! -= bytes;
      else reads[other]! -= bytes;
      queue.set(other, reads[other] === 0 ? Number.POSITIVE_INFINITY : rank(other));
    }
  }
  return [...front, ...back.reverse()];
}

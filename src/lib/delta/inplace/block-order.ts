import type { BlockGraph } from './block-graph.js';
import { breakCycles } from './break-cycles.js';

/**
 * An order of all blocks in which as few bytes as possible are read from places that were overwritten:
 * none where the graph has no cycles.
 *
 * Parts of the graph that are one big cycle (strongly connected components, found by Tarjan's algorithm)
 * are ordered each by itself, because between them there is nothing to lose.
 */
export function blockOrder(graph: BlockGraph): Int32Array {
  const order: number[] = [];
  for (const component of components(graph).reverse()) {
    if (component.length === 1) order.push(component[0]!);
    else for (const block of breakCycles(graph, component)) order.push(block);
  }
  return Int32Array.from(order);
}

/**
 * Strongly connected components, each after all those that it has edges to.
 *
 * @see Tarjan, Depth-first search and linear graph algorithms, 1972; without recursion, which long chains would exhaust
 */
function components({ blocks, firstEdge, target }: BlockGraph): number[][] {
  const found: number[][] = [];
  const index = new Int32Array(blocks).fill(-1);
  const low = new Int32Array(blocks);
  const nextEdge = firstEdge.slice();
  const isOpen = new Uint8Array(blocks);
  const open: number[] = [];
  let visited = 0;
  for (let root = blocks - 1; root >= 0; root--) {
    if (index[root] !== -1) continue;
    const path = [root];
    while (path.length > 0) {
      const block = path.at(-1)!;
      if (index[block] === -1) {
        index[block] = low[block] = visited++;
        open.push(block);
        isOpen[block] = 1;
      }
      if (nextEdge[block]! < firstEdge[block + 1]!) {
        const next = target[nextEdge[block]!++]!;
        if (index[next] === -1) path.push(next);
        else if (isOpen[next] === 1) low[block] = Math.min(low[block]!, index[next]!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[block]!);
      if (low[block] === index[block]) {
        const component = open.splice(open.lastIndexOf(block));
        for (const member of component) isOpen[member] = 0;
        found.push(component);
      }
    }
  }
  return found;
}
